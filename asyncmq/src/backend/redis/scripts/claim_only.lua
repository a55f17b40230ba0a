-- claim: promotes what is due and hands out the best waiting jobs of the known lanes.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, worker, what claiming takes
-- Reply  what claiming answers
-- Cost   that of claiming and 1 command
local answer, recall = claim(3)
if recall then remember('c', recall) end
if rare_parts then rare_parts.publish() end
return rare_parts and rare_parts.sealed(answer) or answer
