-- The part that every script begins with: short names and the store's time.
-- KEYS[1] is the base of the keys that the queues share, KEYS[2], … are the bases of the queues' own keys;
-- a key is its base and a suffix. ARGV[1] is the time in microseconds, empty for the server's own.
local call, sub, pack, unpick = redis.call, string.sub, struct.pack, struct.unpack
local S = KEYS[1]
local clock
local function time()
  if clock then return clock end
  if ARGV[1] ~= '' then
    clock = tonumber(ARGV[1])
  else
    local t = call('TIME')
    clock = t[1] * 1000000 + t[2]
  end
  return clock
end
