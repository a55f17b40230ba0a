-- Lets jobs of a lane wait, each in the list of its key, the length of which stands at `at`. Returns the lists if they are asked for.
local function let_wait(Q, lane, ids, records, at, is_asked)
  local front, of_key, order, n = Q .. 'w' .. lane, {}, {}, 0
  for i = 1, #ids do
    local record = records[i]
    local key = sub(record, at + 1, at + byte(record, at))
    local known = of_key[key]
    if not known then
      n = n + 1
      of_key[key], order[n] = ids[i], key
    elseif type(known) == 'table' then
      known[#known + 1] = ids[i]
    else
      of_key[key] = { known, ids[i] }
    end
  end
  local fresh, members, lines = {}, {}, is_asked and {}
  for i = 1, n do
    local key = order[i]
    local waiting, count, length = of_key[key], 1, nil
    if type(waiting) == 'table' then
      count, length = #waiting, call('RPUSH', front .. key, unpack(waiting))
    else
      length = call('RPUSH', front .. key, waiting)
    end
    if length == count then
      fresh[#fresh + 1] = key
      members[#fresh] = lane .. 'w' .. key
    end
    if lines then lines[i] = 'w' .. lane .. key end
  end
  if #fresh > 0 then keys_are_ready(Q, 'W' .. lane, fresh, members) end
  return lines
end
return let_wait
end
