"""What a person says of each topic of the series, and the script that shows it."""
