-- The part that every script begins with: short names and the store's time.
-- KEYS[1] is the base of the keys that the queues share, KEYS[2], … are the bases of the queues' own keys;
-- a key is its base and a suffix. ARGV[1] is the time in microseconds, empty for the server's own.
local call, sub, pack, unpick, byte = redis.call, string.sub, struct.pack, struct.unpack, string.byte
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
-- The first bit of the time in a job's record tells that the job has a side record. Longer records do not tell: it is
-- cheaper to look for one than to write them anew.
local LONG = 4096
local function may_have_side(rec)
  return byte(rec, 6) > 127 or #rec > LONG
end
-- Returns the side records of those jobs that have one, given the records of them all.
local function sides_of(Q, ids, records)
  local asked, places, sides = {}, {}, {}
  for i = 1, #ids do
    if records[i] and may_have_side(records[i]) then
      places[#places + 1] = i
      asked[#places] = ids[i]
    end
  end
  if #asked == 0 then return sides end
  local found = call('HMGET', Q .. 'side', unpack(asked))
  for i = 1, #places do sides[places[i]] = found[i] end
  return sides
end
-- Returns the task that a profile names.
local function task_of(profile)
  return (unpick('>I2c0', profile, 8))
end
-- With more than 64 bytes in a value a hash is never kept as a list: see the entries of `active`.
local PADDING = string.rep(' ', 34)
