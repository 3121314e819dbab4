"""Many small jobs, two workers, and faults at random: every promise is looked at in the end."""
