-- Answers a claim again: what is still in hand is given again.
local function claim_again(recalled, queues, next_token)
  local next_due, awaited = nil, 0
  for k = 2, queues do
    local marks = call('HMGET', KEYS[k] .. 'meta', 'p', 'k')
    if not marks[1] then
      local first = call('ZRANGE', KEYS[k] .. 'delayed', 0, 0, 'WITHSCORES')
      if first[2] then next_due = math.min(next_due or math.huge, math.max(tonumber(first[2]) - now, 0)) end
      local token = (marks[2] or call('EXISTS', KEYS[k] .. 'parked') == 1) and next_token(KEYS[k])
      if token then next_due, awaited = math.min(next_due or math.huge, math.max(token - now, 0)), 1 end
    end
  end
  local reply = { {}, next_due and string.format('%.0f', next_due) or -1, {}, awaited }
  for _, part in ipairs(cmsgpack.unpack(recalled)) do
    local place, own, given = part[1], part[2], part[3]
    local Q, ids, records, sides = KEYS[place], {}, {}, {}
    for _, id in ipairs(given) do
      local act = Q and call('HGET', Q .. 'active', id)
      if act and sub(act, 24, 31) == own and sub(act, 1, 16) == worker then
        ids[#ids + 1] = id
        records[#records + 1] = call('HGET', Q .. 'jobs', id)
        sides[#sides + 1] = call('HGET', Q .. 'side', id) or ''
      end
    end
    reply[#reply + 1] = { place, own, ids, records, sides, Q and kin.inputs(Q, ids, sides) or nil }
  end
  return reply
end
return { promote = promote, merge = merge, alive = alive, may_start = may_start, tell_started = tell_started,
  claim_again = claim_again, slow = slow, marked = marked, trim = trim,
  publish = publish, living = living, has_suspect = has_suspect, make_room = make_room, inputs = kin.inputs, tell_more = kin.tell_more,
  sealed = kin.sealed, look = kin.look }
end
