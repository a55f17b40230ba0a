-- All that is kept of some jobs, in the order of their ids; those that are gone are left out. A few commands for all.
local function more_of(Q, ids, sides)
  local fields, places, more = {}, {}, {}
  for i = 1, #ids do
    if sides[i] then
      places[i] = #fields
      for _, kind in ipairs({ 'e', 'l', 'p' }) do fields[#fields + 1] = kind .. ids[i] end
    end
  end
  if #fields == 0 then return more end
  local found = call('HMGET', Q .. 'more', unpack(fields))
  for i, place in pairs(places) do more[i] = { found[place + 1], found[place + 2], found[place + 3] } end
  return more
end
local function profiles_of(Q, records)
  local profiles, lanes = {}, {}
  for i = 1, #records do
    local lane = records[i] and sub(records[i], 15, 23)
    if lane and not profiles[lane] then
      profiles[lane], lanes[#lanes + 1] = '', lane
    end
  end
  if #lanes == 0 then return profiles end
  local found = call('HMGET', Q .. 'meta', unpack(lanes))
  for i = 1, #lanes do profiles[lanes[i]] = found[i] or '' end
  return profiles
end
local function all_of(Q, ids)
  local reply = {}
  if #ids == 0 then return reply end
  local records, sides = call('HMGET', Q .. 'jobs', unpack(ids)), call('HMGET', Q .. 'side', unpack(ids))
  local active, done = call('HMGET', Q .. 'active', unpack(ids)), call('HMGET', Q .. 'done', unpack(ids))
  local profiles, more = profiles_of(Q, records), more_of(Q, ids, sides)
  for i = 1, #ids do
    local rec, rest = records[i], more[i] or {}
    if rec then
      reply[#reply + 1] = { ids[i], rec, profiles[sub(rec, 15, 23)], sides[i] or '', active[i] or '', done[i] or '',
        rest[1] or '', rest[2] or '', rest[3] or '' }
    end
  end
  return reply
end
