-- Claiming; its arguments stand from `at` on: sequence, lease, limit, claim (6 bytes that never come again), known lanes,
-- foreign lanes (each `,lane,lane,…,`), number of queues. The queues are KEYS[2], … in the order in which they are taken
-- from.
-- Reply  strange lanes with their profiles (then nothing was claimed); microseconds to the next due job or token, or -1;
--        foreign lanes in which jobs wait, as place of the queue and lane; 1 if jobs wait for a token;
--        for each queue that gave something: its place, the claim (8 bytes), ids, records, side records (empty
--        if there are none), and if there are some, for each job that waited for others its place and what they passed on
-- Cost   2 commands, 3 more when the lease is extended, 7 for each queue, 1 more if nobody was to be woken; per job one element each of LPOP, HMGET, HSET
-- An entry of `active`: worker, start, claim, h if the job has a side record, and if it counts among permits g, length and
-- name of its group. With more than 64 bytes in a value a hash is never kept as a list, which every
-- command would search from its beginning: the first one of a claim is made longer.
-- Returns the answer, and what to recall it by if there is anything to recall.
local function claim(at)
  local now, worker = time(), ARGV[2]
  local mark, limit, known, foreign = ARGV[at] .. ':', tonumber(ARGV[at + 2]), ARGV[at + 4], ARGV[at + 5]
  local queues = tonumber(ARGV[at + 6]) + 1
  local noted = call('HMGET', S .. 'r' .. worker, 'c', 'l')
  local last, lease = noted[1], tonumber(ARGV[at + 1])
  -- An earlier claim that was held up on its way: its worker went on without it, or has ended, and would never learn what it took.
  local late = last and tonumber(string.match(last, '^%d+')) > tonumber(ARGV[at])
  if late then return { {}, -1, {}, 0 } end
  -- A lease that would hardly last longer is left as it is: who claims all the time extends it sixteen times in its length, or twice a second.
  local function renew()
    if noted[2] and tonumber(noted[2]) + math.min(lease / 16, 500000) >= now + lease then return end
    local ends = string.format('%.0f', now + lease)
    call('ZADD', S .. 'sessions', 'GT', ends, worker)
    call('HSET', S .. 'r' .. worker, 'l', ends)
    call('PEXPIRE', S .. 'r' .. worker, 86400000)
  end
  if last and sub(last, 1, #mark) == mark then
    renew()
    return rare().claim_again(sub(last, #mark + 1), queues, holding().next_token)
  end

  -- First look: what is due, what waits, and whether all of it is known to the caller.
  local open, strange, next_due, others, quiet, awaited = {}, {}, nil, {}, {}, 0
  for k = 2, queues do
    local Q = KEYS[k]
    local marks = call('HMGET', Q .. 'meta', 'p', 'k', 'w', 'u')
    quiet[Q] = not has_mark(tonumber(call('GET', Q .. 'n') or 0), WAKE) or nil
    if not marks[1] then
      local extras = special(Q)
      if extras and extras.outs then rare().look() end
      if extras and extras.ends and rare().tell_more(Q, now) > 0 then next_due = 0 end
      if extras and extras.side then
        local due = call('ZRANGE', Q .. 'delayed', 0, 0, 'WITHSCORES')
        if due[2] and tonumber(due[2]) <= now then due = rare().promote(Q) end
        local wait = due[2] and math.max(tonumber(due[2]) - now, 0)
        if wait and (not next_due or wait < next_due) then next_due = wait end
      end
      local is_held = marks[2]
      if marks[4] and holding().sweep(Q, marks[4]) then next_due = 0 end
      local token = extras and extras.parked and holding().unpark(Q)
      if token then next_due, awaited = math.min(next_due or math.huge, math.max(token - now, 0)), 1 end
      local ready, lines = call('ZRANGE', Q .. 'ready', 0, -1), {}
      for _, line in ipairs(ready) do
        local lane = sub(line, 2)
        if string.find(known, lane, 1, true) then
          lines[#lines + 1] = line
          is_held = is_held or byte(line, 1) < 97
        elseif string.find(foreign, lane, 1, true) then
          others[#others + 1] = k
          others[#others + 1] = lane
        else
          strange[#strange + 1] = lane
          strange[#strange + 1] = call('HGET', Q .. 'meta', lane) or ''
        end
      end
      if #lines > 0 then open[#open + 1] = { k, lines, extras, is_held, marks[3] } end
    end
  end
  -- Who has to learn lanes comes again at once: nothing is written for it.
  if #strange > 0 then return { strange, -1, {}, 0 } end

  renew()
  -- From here on whatever comes wakes the caller.
  for Q in pairs(quiet) do call('INCRBY', Q .. 'n', COUNTED * WAKE) end

  -- However large the jobs are, the answer must arrive in time: after this many bytes no more are taken.
  local room = 8388608
  local reply, recall, total = { {}, -1, others, 0 }, {}, 0
  for q = 1, #open do
    local k, lines, extras = open[q][1], open[q][2], open[q][3]
    local Q, own = KEYS[k], ARGV[at + 3] .. pack('>I2', k)
    local held = worker .. pack('>I7', now) .. own
    local history = held .. 'h'
    local taken, records, sides, has_sides, n = {}, {}, {}, false, 0
    local from = 1
    if open[q][4] then
      local given = { n = 0, ids = taken, records = records, sides = sides, room = room }
      local more = holding().claim_held(Q, lines, extras, given, limit - total, held, open[q][5])
      n, room, has_sides, total, from = given.n, given.room, given.has_sides, total + given.n, #lines + 1
      local token = holding().next_token(Q)
      if token then next_due, awaited = math.min(next_due or math.huge, math.max(token - now, 0)), 1 end
      if more then next_due = 0 end
    end
    while from <= #lines and total < limit and room > 0 do
      local priority, to = sub(lines[from], 2, 3), from
      while lines[to + 1] and sub(lines[to + 1], 2, 3) == priority do to = to + 1 end
      local want, ids, origins, found = math.min(limit - total, 250), nil, nil, nil
      if from == to and sub(lines[from], 1, 1) == 'w' then
        ids = call('LPOP', Q .. lines[from], want) or {}
        if #ids < want then call('ZREM', Q .. 'ready', lines[from]) end
      else
        ids, origins, found = rare().merge(Q, lines, from, to, want)
      end
      local line = lines[from]
      if #ids < want then from = to + 1 end
      if extras and extras.tombs then ids, found = rare().alive(Q, line, ids, origins, found) end
      if #ids > 0 then
        found = found or call('HMGET', Q .. 'jobs', unpack(ids))
        local notes, fields, f = {}, {}, 0
        if extras and extras.side then notes = sides_of(Q, ids, found) end
        for i = 1, #ids do
          local note, record = notes[i], found[i]
          if note and record then
            record = startable(Q, ids[i], record, note)
            has_sides = has_sides or record
          end
          if record then
            n = n + 1
            taken[n], records[n], sides[n] = ids[i], record, note or ''
            local entry = note and history or held
            fields[f + 1], fields[f + 2] = ids[i], n == 1 and entry .. PADDING or entry
            f, room = f + 2, room - #record
          end
        end
        if f > 0 then call('HSET', Q .. 'active', unpack(fields)) end
        total = total + f / 2
      end
    end
    if n > 0 then
      reply[#reply + 1] = { k, own, taken, records, has_sides and sides or {}, has_sides and inputs_of(Q, taken, sides) or nil }
      recall[#recall + 1] = { k, own, taken }
      if extras and extras.marks then rare().tell_started(Q, taken, records, sides) end
    end
  end
  reply[2], reply[4] = next_due and string.format('%.0f', next_due) or -1, awaited
  return reply, mark .. cmsgpack.pack(recall)
end
