-- count_parked: counts the keys that wait for a permit or a token: all that are noted but those that stand in a ring, and those whose time
-- has come, which stand where they are until the next claim.
--
-- KEYS   shared base, base of the queue
-- ARGV   time
-- Reply  how many
-- Cost   3 commands and 1 for each ring
local Q = KEYS[2]
local count = call('ZCARD', Q .. 'lines') - call('ZCOUNT', Q .. 'parked', '-inf', string.format('%.0f', time()))
for _, line in ipairs(call('ZRANGE', Q .. 'ready', 0, -1)) do
  if byte(line, 1) < 97 then count = count - call('LLEN', Q .. line) end
end
return math.max(count, 0)
