-- Takes a job out of the hand of a worker that will not settle it. Returns how it stands; nothing if somebody wanted it
-- cancelled, which it is now.
local function let_go(Q, worker, id, act, rec, now)
  call('HDEL', Q .. 'active', id)
  leave(Q, { id }, { act })
  local s = side_of(Q, id, rec)
  s.worker, s.started = worker, unpick('>I7', sub(act, 17, 23))
  local reason = call('HGET', Q .. 'cancel', id)
  if not reason then return s end
  call('HDEL', Q .. 'cancel', id)
  carry_out(Q, id, rec, s, 'X', sub(reason, 1, 1), sub(reason, 2), now)
end
