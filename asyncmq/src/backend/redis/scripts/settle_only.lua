-- settle: carries out what became of jobs that a worker held, each fenced by its claim.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, sender, what settling takes
-- Reply  what settling answers
-- Cost   that of settling and 1 command
local answer, recall = settle(3)
if recall then remember(ARGV[4], recall) end
if rare_parts then rare_parts.publish() end
return rare_parts and rare_parts.sealed(answer) or answer
