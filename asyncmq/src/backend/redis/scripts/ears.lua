-- ears: notes that somebody listens to all events, for half a minute.
--
-- KEYS   shared base
-- ARGV   time
-- Reply  nothing
-- Cost   1 command
call('SET', S .. 'ears', '1', 'PX', 30000)
