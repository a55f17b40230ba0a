-- deliver: takes in what another queue says, in its order.
--
-- KEYS   base of the queue, twice
-- ARGV   time, messages
-- Reply  how many were taken in: no more once the answers are long; then the answers
-- Cost   for each message 3 or 4 commands, and those of ending or releasing a job
local answers, room, at = {}, 1048576, 2
while ARGV[at] and room > 0 do
  local answer = kin.hear(KEYS[2], ARGV[at], time())
  if answer then answers[#answers + 1], room = answer, room - #answer end
  at = at + 1
end
publish()
return kin.sealed({ at - 2, answers })
