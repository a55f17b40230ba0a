-- look: all that is kept of some jobs of one queue.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, then ids
-- Reply  for each job that is kept: id, record, profile, side record, claim, done record, failures, lines, progress
-- Cost   per job 2 to 7 commands
local Q, reply = KEYS[2], {}
for i = 2, #ARGV do reply[#reply + 1] = all_of(Q, ARGV[i]) end
return reply
