-- settle: carries out what became of jobs that a worker held, each fenced by its claim.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, sender, sequence, slot, number of runs; for each run: place of the queue in KEYS, kind, number of jobs,
--        then the jobs:
--          kind n (completed, nothing kept), k (completed, kept by the rule): id, claim (8 bytes), result
--          kind s (anything): id, claim and number, transition, number, data, report
--            transition C complete (number: how long it is kept in us, 0 not at all, -1 by the rule), R retry, F fail,
--            S snooze (number: delay in us), X cancel (number 1: data is a reason), L release
-- Reply  1 if every claim was current; else one letter for each job: A applied, S stale
-- Cost   4 commands, 6 for each run of kind n, 10 of kind k; per job one element of each; kind s 10 to 20 for each job
local recall, mark = S .. 'r' .. ARGV[2], ARGV[3] .. ':'
local known = call('HGET', recall, ARGV[4])
if known and sub(known, 1, #mark) == mark then
  local letters = sub(known, #mark + 1)
  return letters == '' and 1 or letters
end
local now = time()
local letters, stale = {}, false

-- Takes back a job that a rescue let wait again and that nobody else claimed.
local function regain(Q, id, rec, claim)
  local bytes = rec and call('HGET', Q .. 'side', id)
  if not bytes or call('HEXISTS', Q .. 'done', id) == 1 then return end
  local s = read_side(bytes)
  if s.state ~= 'w' or s.ghost == NOBODY8 or s.ghost .. s.seq ~= claim then return end
  withdraw(Q, id, rec, s)
  s.crashes = s.crashes - s.charged
  return s
end

local function slow(Q, id, claim, op, amount, data, report)
  local act, rec, s = call('HGET', Q .. 'active', id), nil, nil
  if act then
    if sub(act, 24, 38) ~= claim then return false end
    rec = call('HGET', Q .. 'jobs', id)
    s = side_of(Q, id, rec)
    s.worker, s.started, s.seq = sub(act, 1, 16), unpick('>I7', sub(act, 17, 23)), sub(act, 32, 38)
    call('HDEL', Q .. 'active', id)
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

-- Completed jobs that no one waits for, without a history: all in a few commands.
local function fast(Q, kind, at, count)
  local ids, hold = {}, {}
  for i = 1, count do ids[i] = ARGV[at + 3 * i - 3] end
  local acts, sides = call('HMGET', Q .. 'active', unpack(ids)), call('HMGET', Q .. 'side', unpack(ids))
  local noise = noisy(Q) or call('EXISTS', Q .. 'cancel') == 1
  local list, n = {}, 0
  for i = 1, count do
    local act, claim = acts[i], ARGV[at + 3 * i - 2]
    if noise or sides[i] or not act or sub(act, 24, 38) ~= claim then
      local keep = kind == 'n' and '0' or '-1'
      local done = slow(Q, ids[i], claim, 'C', keep, ARGV[at + 3 * i - 1], '')
      letters[#letters + 1] = done and 'A' or 'S'
      stale = stale or not done
    else
      n = n + 1
      list[n] = ids[i]
      hold[n] = i
      letters[#letters + 1] = 'A'
    end
  end
  if n == 0 then return end
  call('HDEL', Q .. 'active', unpack(list))
  local number = call('HINCRBY', Q .. 'meta', 'x', n)
  if kind == 'n' then return call('HDEL', Q .. 'jobs', unpack(list)) end
  local head, fields, scores = pack('>c1I7I4I4', 'c', now, 1, 0), {}, {}
  for i = 1, n do
    fields[2 * i - 1] = list[i]
    fields[2 * i] = head .. sub(acts[hold[i]], 1, 23) .. ARGV[at + 3 * hold[i] - 1]
    scores[2 * i - 1] = number - n + i
    scores[2 * i] = list[i]
  end
  call('HSET', Q .. 'done', unpack(fields))
  call('ZADD', Q .. 'zc', unpack(scores))
  trim(Q, 'zc', limit_of('ended', 10000), 2 * n)
end

local at = 6
for _ = 1, tonumber(ARGV[5]) do
  local Q, kind, count = KEYS[tonumber(ARGV[at])], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  if kind == 's' then
    for _ = 1, count do
      local done = slow(Q, ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
      letters[#letters + 1] = done and 'A' or 'S'
      stale = stale or not done
      at = at + 6
    end
  else
    fast(Q, kind, at, count)
    at = at + 3 * count
  end
end
local answer = stale and table.concat(letters) or ''
if call('HSET', recall, ARGV[4], mark .. answer) > 0 then call('PEXPIRE', recall, 86400000) end
publish()
return stale and answer or 1
