-- Keys. A lane whose priority begins with a letter from g to v is of jobs with keys: each key has a list of its own, named
-- by letter, lane and key, and stands in the ring of the lane (the letter in upper case) as long as jobs of it wait there,
-- unless it is set aside: `parked` has the keys that wait for a token by its time, a group's record in which rings its key waits for a
-- permit. `lines` has the lists of keys by priority, each from its first job on until a claim finds it empty.
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
-- Lets a key take its turn before the others of its ring.
local function come_first(Q, ring, key)
  if call('LPUSH', Q .. ring, key) == 1 then call('ZADD', Q .. 'ready', level_of(ring), ring) end
end
-- Takes note of lists of keys of one ring that were empty and are not any more: `members` are their names in `lines`.
local function keys_are_ready(Q, ring, keys, members)
  local known, fresh, new = #keys > 1 and call('ZMSCORE', Q .. 'lines', unpack(members)) or {}, {}, {}
  -- A list that is noted already was emptied behind the back of its ring, and the key stands there or is set aside.
  for i = 1, #keys do
    if not known[i] then
      new[#new + 1] = keys[i]
      fresh[2 * #new - 1], fresh[2 * #new] = 0, members[i]
    end
  end
  if #new > 0 and call('ZADD', Q .. 'lines', unpack(fresh)) > 0 then join(Q, ring, new) end
end
-- Takes note of lists that were empty and are not any more.
local function are_ready(Q, lines)
  local keys, members = {}, {}
  for _, line in ipairs(lines) do
    if is_keyed(line) then
      local ring = ring_of(line)
      keys[ring], members[ring] = keys[ring] or {}, members[ring] or {}
      table.insert(keys[ring], sub(line, 11))
      table.insert(members[ring], member_of(line))
    else
      call('ZADD', Q .. 'ready', tonumber(sub(line, 2, 3), 16), line)
    end
  end
  for ring, of_ring in pairs(keys) do keys_are_ready(Q, ring, of_ring, members[ring]) end
end
