-- plan: keeps a schedule, if nobody has changed it meanwhile.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, id, revision that it must have (empty if there must be none), record, next time (empty for none)
-- Reply  1 if it is kept
-- Cost   5 commands
local Q, id = KEYS[2], ARGV[2]
if not has_revision(call('HGET', Q .. 'plans', id), ARGV[3]) then return 0 end
begin(Q)
keep_plan(Q, id, ARGV[4], ARGV[5])
call('PUBLISH', Q .. 'wake', 's')
return 1
