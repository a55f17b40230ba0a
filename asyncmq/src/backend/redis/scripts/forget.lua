-- forget: ends the session of a dead worker that holds nothing any more, unless it has come back.
--
-- KEYS   shared base
-- ARGV   time, worker, end of its lease
-- Reply  nothing
-- Cost   4 commands
if call('ZSCORE', S .. 'sessions', ARGV[2]) == ARGV[3] then
  call('ZREM', S .. 'sessions', ARGV[2])
  call('HDEL', S .. 'r' .. ARGV[2], 'l')
  call('HDEL', S .. 'suspects', ARGV[2])
end
