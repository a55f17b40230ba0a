-- Reads how jobs stood that have a side record and are completed: by place, if an attempt had been made before; and which deduplication keys
-- they hold: `freed` has the keys, what is kept of each, and the ends of their windows. Those that another one is blocked behind are left
-- to be settled one by one; returns which.
local function sides_to_complete(Q, first, places, is_slow)
  local ids, sides, freed, keyed, notes_of = {}, {}, { keys = {}, kept = {}, ends = {} }, {}, {}
  for n = 1, #places do ids[n] = ARGV[first + places[n] - 1] end
  local found = call('HMGET', Q .. 'side', unpack(ids))
  for n = 1, #places do
    local side = found[n]
    if side and not (is_slow and is_slow[places[n]]) then
      if sub(side, 2, 9) ~= NOBODY8 then sides[places[n]] = read_side(side) end
      if byte(side, -1) % KIN >= KEYED then keyed[#keyed + 1], notes_of[#notes_of + 1] = n, ids[n] end
    end
  end
  sides.freed = freed
  if #keyed == 0 then return sides, is_slow end
  local notes, keys, of = call('HMGET', Q .. 'keyed', unpack(notes_of)), {}, {}
  for i = 1, #keyed do
    if notes[i] then keys[#keys + 1], of[#of + 1] = key_in(notes[i]), keyed[i] end
  end
  if #keys == 0 then return sides, is_slow end
  local kept, f = call('HMGET', Q .. 'keys', unpack(keys)), 0
  for i = 1, #keys do
    local n, live, ends, next_id, id = of[i], nil, nil, nil, nil
    if kept[i] then live, ends, next_id, id = unpick(OWNER, kept[i]) end
    if live == 1 and id == ids[n] then
      if next_id == '' then
        f = f + 1
        freed.keys[f], freed.kept[f], freed.ends[f] = keys[i], kept[i], ends
      else
        is_slow = is_slow or {}
        is_slow[places[n]], sides[places[n]] = true, nil
      end
    end
  end
  return sides, is_slow
end
-- Frees the deduplication keys of jobs that are completed, all at once.
local function free_keys(Q, freed)
  local gone, over, kept = {}, {}, {}
  for i, key in ipairs(freed.keys) do
    local ends = freed.ends[i]
    if ends <= now then
      gone[#gone + 1] = key
      if ends > 0 then over[#over + 1] = key end
    else
      kept[#kept + 1], kept[#kept + 2] = key, '\0' .. sub(freed.kept[i], 2)
    end
  end
  if #gone > 0 then call('HDEL', Q .. 'keys', unpack(gone)) end
  if #over > 0 then call('ZREM', Q .. 'windows', unpack(over)) end
  if #kept > 0 then call('HSET', Q .. 'keys', unpack(kept)) end
end
return { sides_to_complete = sides_to_complete, free_keys = free_keys, erase_notes = erase_notes }
end
local ending_parts
local function ending()
  ending_parts = ending_parts or endings()
  return ending_parts
end
