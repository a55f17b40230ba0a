local now = time()
-- What a side record ends with as long as the job was in nobody's hand.
local UNTOUCHED = pack('>I8c16c8B', 0, NOBODY, NOBODY8, 0)
-- Writes down a job's times: due time, delay and time to live stand from `i` on. Tells whether it waits from now on.
local function waits(id, record, i, times)
  local due, value, ttl = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local side, delayed, mortal = times.side, times.delayed, times.mortal
  local run_at = due == 'd' and now + value or due == 'a' and math.max(now, value) or now
  local expires, seq = ttl > 0 and run_at + ttl - 1 or 0, seq_of(record)
  local state = now < run_at and 'd' or 'w'
  side[#side + 1] = id
  side[#side + 1] = pack('>c1I4I4I8I8I8', state, 0, 0, run_at, expires, ttl) .. seq .. UNTOUCHED
  if ttl > 0 then
    mortal[#mortal + 1] = expires
    mortal[#mortal + 1] = id
  end
  if state == 'w' then return true end
  delayed[#delayed + 1] = run_at
  delayed[#delayed + 1] = seq .. id
end
-- Lets jobs with keys wait, each in the list of its key. Returns the lists.
local function let_wait(Q, ids, records)
  local by_line, order = {}, {}
  for i = 1, #ids do
    local line = line_of(records[i])
    if not by_line[line] then
      by_line[line], order[#order + 1] = {}, line
    end
    table.insert(by_line[line], ids[i])
  end
  append_all(Q, by_line, order)
  return order
end
local function make_room_in(Q, lines)
  return rarer()(Q, lines)
end
return { take_all_keyed = take_all_keyed, waits = waits, let_wait = let_wait, make_room_in = make_room_in, with_side = with_side, noisy = noisy, emit = emit,
  begin = begin, wake = wake, publish = publish, NOBODY = NOBODY }
end
