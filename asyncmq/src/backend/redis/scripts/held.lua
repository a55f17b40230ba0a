-- held: what a queue is held to, and how its groups stand.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, names of groups
-- Reply  the time; number of running jobs; scopes and limits; what is kept of each group
-- Cost   4 commands
local Q, groups = KEYS[2], {}
if #ARGV > 1 then groups = call('HMGET', Q .. 'groups', unpack(ARGV, 2)) end
for i = 1, #groups do groups[i] = groups[i] or '' end
return { string.format('%.0f', time()), call('HLEN', Q .. 'active'), call('HGETALL', Q .. 'held'), groups }
