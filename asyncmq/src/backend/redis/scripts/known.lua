-- known: tells which jobs of one queue are kept.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, then ids
-- Reply  a letter for each: 1 if it is kept, else 0
-- Cost   1 command a job
local letters = {}
for i = 2, #ARGV do letters[i - 1] = call('HEXISTS', KEYS[2] .. 'jobs', ARGV[i]) end
return table.concat(letters)
