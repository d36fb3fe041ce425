-- Spans of the last hour that are roots and no request, or whose parent is not there, by name.
SELECT name, COUNT(*) AS orphans
FROM spans AS span
WHERE start_time_unix_nano > :since
  AND (
    (parent_span_id IS NULL AND name NOT LIKE 'POST /%')
    OR (
      parent_span_id IS NOT NULL
      AND NOT EXISTS (
        SELECT 1
        FROM spans AS parent
        WHERE parent.trace_id = span.trace_id AND parent.span_id = span.parent_span_id
      )
    )
  )
GROUP BY name
ORDER BY orphans DESC
