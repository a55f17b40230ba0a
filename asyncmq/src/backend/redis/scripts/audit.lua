-- audit: keeps a record of what somebody ordered.
--
-- KEYS   shared base
-- ARGV   time, record, how many are kept
-- Reply  nothing
-- Cost   3 commands
local surplus = call('RPUSH', S .. 'audit', pack('>I8', time()) .. ARGV[2]) - tonumber(ARGV[3])
if surplus > 0 then call('LPOP', S .. 'audit', surplus) end
