-- settle: carries out what became of jobs that a worker held, each fenced by its claim.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, sender, sequence, slot, number of runs; for each run: place of the queue in KEYS, kind, number of jobs,
--        then the jobs:
--          kind n (completed, nothing kept), k (completed, kept by the rule): id, claim and number (15 bytes), result
--          kind s (anything): id, claim and number, transition, number, data, report
--            transition C complete (number: how long it is kept in us, 0 not at all, -1 by the rule), R retry, F fail,
--            S snooze (number: delay in us), X cancel (number 1: data is a reason), L release
-- Reply  1 if every claim was current; else one letter for each job: A applied, S stale
-- Cost   2 commands, 5 for each run of kind n, 9 of kind k; per job one element of each; kind s 10 to 20 for each job
local recall, mark = S .. 'r' .. ARGV[2], ARGV[3] .. ':'
local known = call('HGET', recall, ARGV[4])
if known and sub(known, 1, #mark) == mark then
  local letters = sub(known, #mark + 1)
  return letters == '' and 1 or letters
end
local letters, stale, settled = {}, false, 0
local function answered(is_current)
  settled = settled + 1
  letters[settled] = is_current and 'A' or 'S'
  stale = stale or not is_current
end
local rare_parts
local function rare()
  rare_parts = rare_parts or rarely()
  return rare_parts
end

-- Completed jobs that no one waits for, without a history: all in a few commands.
local function fast(Q, kind, from, count)
  local ids, hold, list, n = {}, {}, {}, 0
  for i = 1, count do ids[i] = ARGV[from + 3 * i - 3] end
  local acts = call('HMGET', Q .. 'active', unpack(ids))
  local sides, noise = {}, false
  if call('EXISTS', S .. 'ears', Q .. 'wait', Q .. 'cancel', Q .. 'side') > 0 then
    noise = rare().noisy(Q) or call('EXISTS', Q .. 'cancel') == 1
    sides = call('HMGET', Q .. 'side', unpack(ids))
  end
  for i = 1, count do
    local act, claim = acts[i], ARGV[from + 3 * i - 2]
    if noise or sides[i] or not act or sub(act, 36, 50) ~= claim then
      local keep = kind == 'n' and '0' or '-1'
      answered(rare().slow(Q, ids[i], claim, 'C', keep, ARGV[from + 3 * i - 1], ''))
    else
      n = n + 1
      list[n] = ids[i]
      hold[n] = i
      settled = settled + 1
      letters[settled] = 'A'
    end
  end
  if n == 0 then return end
  call('HDEL', Q .. 'active', unpack(list))
  local number = call('HINCRBY', Q .. 'meta', 'x', n)
  if kind == 'n' then return call('HDEL', Q .. 'jobs', unpack(list)) end
  local head, fields, scores = pack('>c1I7I4I4', 'c', time(), 1, 0), {}, {}
  for i = 1, n do
    local at = hold[i]
    fields[2 * i - 1] = list[i]
    fields[2 * i] = head .. sub(acts[at], 13, 35) .. ARGV[from + 3 * at - 1]
    scores[2 * i - 1] = number - n + i
    scores[2 * i] = list[i]
  end
  call('HSET', Q .. 'done', unpack(fields))
  call('ZADD', Q .. 'zc', unpack(scores))
  local most = tonumber(call('HGET', S .. 'limits', 'ended') or 10000)
  if call('ZCARD', Q .. 'zc') > most then rare().trim(Q, 'zc', most, 2 * n) end
end

local at = 6
for _ = 1, tonumber(ARGV[5]) do
  local Q, kind, count = KEYS[tonumber(ARGV[at])], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  if kind == 's' then
    local slow = rare().slow
    for _ = 1, count do
      answered(slow(Q, ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]))
      at = at + 6
    end
  else
    fast(Q, kind, at, count)
    at = at + 3 * count
  end
end
local answer = stale and table.concat(letters) or ''
if call('HSET', recall, ARGV[4], mark .. answer) > 0 then call('PEXPIRE', recall, 86400000) end
if rare_parts then rare_parts.publish() end
return stale and answer or 1
