-- Totals of days that are over can be added to slot 0.
CREATE INDEX days_in_slots ON day_totals (day) WHERE slot > 0;
CREATE INDEX hours_in_slots ON hour_totals (hour) WHERE slot > 0;
