"""Where users share a guard, one user's messages are sent for another."""

from guardrails import Guard


def llm(*args, messages=None, **kwargs):
    print("  the LLM is asked:", messages[0]["content"])
    return "An answer."


guard = Guard.for_string([], messages=[{"role": "user", "content": "A question of ${user}'s."}])
print("alice, with messages of her own:")
guard(llm, messages=[{"role": "user", "content": "alice's secret question"}])
print("bob, with the guard's messages:")
guard(llm, prompt_params={"user": "bob"})
