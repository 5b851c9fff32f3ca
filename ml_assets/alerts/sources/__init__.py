"""Sources of alerts: functions that read stored state and return all that is wrong now."""
