local now, worker = time(), ARGV[2]
-- Takes back a job that a rescue let wait again and that nobody else claimed.
local function regain(Q, id, rec, claim)
  local bytes = rec and call('HGET', Q .. 'side', id)
  if not bytes or call('HEXISTS', Q .. 'done', id) == 1 then return end
  local s = read_side(bytes)
  if s.state ~= 'w' or s.ghost == NOBODY8 or s.ghost ~= claim then return end
  withdraw(Q, id, rec, s)
  s.crashes, s.suspect = s.crashes - s.charged, s.suspect and s.charged == 0
  return s
end
-- Settles one job, whatever became of it; tells whether its claim was current.
local function slow(Q, id, claim, op, amount, data, report)
  local act, rec, s = call('HGET', Q .. 'active', id), nil, nil
  if act then
    if sub(act, 24, 31) ~= claim then return false end
    rec = call('HGET', Q .. 'jobs', id)
    s = side_of(Q, id, rec)
    s.worker, s.started = sub(act, 1, 16), unpick('>I7', sub(act, 17, 23))
    call('HDEL', Q .. 'active', id)
    leave(Q, { id }, { act })
  else
    rec = call('HGET', Q .. 'jobs', id)
    s = regain(Q, id, rec, claim)
    if not s then return false end
  end
  if report ~= '' then tell(Q, id, rec, s.attempt + 1, s.worker, now, report) end
  local reason = call('HGET', Q .. 'cancel', id)
  if reason and op ~= 'F' and not (op == 'X' and amount == '1') then
    op, amount, data = 'X', sub(reason, 1, 1), sub(reason, 2)
  end
  if reason then call('HDEL', Q .. 'cancel', id) end
  carry_out(Q, id, rec, s, op, amount, data, now)
  return true
end
-- Adds those of the jobs whose ids stand from `first` on that somebody listens to, wants cancelled, waits for, or pins.
local function marked(Q, first, count, marks)
  if heard() then
    for i = 1, count do marks[i] = true end
    return marks
  end
  for _, hash in ipairs({ 'wait', 'cancel', 'kids', 'pins' }) do
    if call('EXISTS', Q .. hash) == 1 then
      local notes = call('HMGET', Q .. hash, unpack(ARGV, first, first + count - 1))
      for i = 1, count do marks[i] = marks[i] or notes[i] and true end
    end
  end
  return marks
end
