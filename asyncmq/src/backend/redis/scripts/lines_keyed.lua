-- Keys. A lane whose priority begins with a letter from g to v is of jobs with keys: each key has a list of its own, named
-- by letter, lane and key, and stands in the ring of the lane (the letter in upper case) as long as jobs of it wait there,
-- unless it is parked. `lines` has these lists by priority, each from its first job on until a claim finds it empty, `parked` the keys that wait for a token (by its time) or a permit.
local function is_keyed(line)
  return byte(line, 2) > 102
end
-- Returns the priority of a list or ring.
local function level_of(line)
  local first = byte(line, 2)
  if first > 102 then return (first - 103) * 16 + tonumber(sub(line, 3, 3), 16) end
  return tonumber(sub(line, 2, 3), 16)
end
local function ring_of(line)
  return string.upper(sub(line, 1, 1)) .. sub(line, 2, 10)
end
local function line_in(ring, key)
  return string.lower(sub(ring, 1, 1)) .. sub(ring, 2) .. key
end
-- The name under which `lines` has a list: so that the order of names is that of priorities.
local function member_of(line)
  return sub(line, 2, 10) .. sub(line, 1, 1) .. sub(line, 11)
end
local function line_named(member)
  return sub(member, 10, 10) .. sub(member, 1, 9) .. sub(member, 11)
end
-- Lets keys take turns in a ring, behind the others.
local function join(Q, ring, keys)
  if call('RPUSH', Q .. ring, unpack(keys)) == #keys then call('ZADD', Q .. 'ready', level_of(ring), ring) end
end
-- Takes note of lists that were empty and are not any more.
local function are_ready(Q, lines)
  local rings = {}
  for _, line in ipairs(lines) do
    if is_keyed(line) then
      -- A list that is noted already was emptied behind the back of its ring, and the key stands there or is parked.
      if call('ZADD', Q .. 'lines', 0, member_of(line)) == 1 then
        local ring = ring_of(line)
        rings[ring] = rings[ring] or {}
        table.insert(rings[ring], sub(line, 11))
      end
    else
      call('ZADD', Q .. 'ready', tonumber(sub(line, 2, 3), 16), line)
    end
  end
  for ring, keys in pairs(rings) do join(Q, ring, keys) end
end
