-- look: all that is kept of some jobs of one queue.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, then ids
-- Reply  for each job that is kept: id, record, profile, side record, claim, done record, failures, lines, progress
-- Cost   4 to 6 commands
local ids = {}
for i = 2, #ARGV do ids[i - 1] = ARGV[i] end
return all_of(KEYS[2], ids)
