-- Jobs with deduplication keys of which none meets another one are taken in together, with a few commands.
local now = time()
-- How a job stands that waits from now on, up to its number; what follows on that by whether it has a key.
local fresh = { state = 'w', attempt = 0, crashes = 0, run_at = now, expires = 0, ttl = 0, seq = string.rep(' ', 7), started = 0,
  worker = NOBODY8 .. NOBODY8, ghost = NOBODY8, charged = 0 }
local front, keyless = sub(packed(fresh), 1, 33), sub(packed(fresh), 41)
fresh.is_keyed = true
local keyed = sub(packed(fresh), 41)
-- Lists the keys of jobs whose times stand from `at` on; nothing if two have the same one, or some wait for others.
local function different_keys(count, at)
  local keys, seen, n = {}, {}, 0
  for i = at, at + 7 * (count - 1), 7 do
    if ARGV[i + 6] ~= '' then return nil end
    if ARGV[i + 3] ~= '' then
      local key = ARGV[i + 5]
      if seen[key] then return nil end
      n = n + 1
      seen[key], keys[n] = true, key
    end
  end
  return n > 0 and keys
end
local function has_any(hash, fields, from, to)
  local found = call('HMGET', hash, unpack(fields, from, to))
  for i = 1, #found do
    if found[i] then return true end
  end
end
-- Returns what notes begin with of jobs that come in this way, what is kept of their keys, and the end of the window.
local function fronts_of(mode, window)
  local ends = window > 0 and now + window or 0
  return { pack('>c1I8', mode, window), pack('>BI8I2', 1, ends, 0), ends }
end
-- Gives jobs their keys, first come or not.
local function hold_keys(Q, task, count, first, at)
  local fronts, behind, notes, holders, windows, f = {}, length_of(task) .. task, {}, {}, {}, 0
  for n = 0, count - 1 do
    local id, i = ARGV[first + n], at + 7 * n
    local mode, key = ARGV[i + 3], ARGV[i + 5]
    if mode ~= '' then
      local how = mode .. ARGV[i + 4]
      local own = fronts[how]
      if not own then
        own = fronts_of(mode, tonumber(ARGV[i + 4]))
        fronts[how] = own
      end
      notes[f + 1], notes[f + 2] = id, own[1] .. length_of(key) .. key
      holders[f + 1], holders[f + 2] = key, own[2] .. length_of(id) .. id .. behind
      f = f + 2
      if own[3] > 0 then windows[#windows + 1], windows[#windows + 2] = own[3], key end
    end
  end
  notes[2], holders[2] = notes[2] .. LONGER, holders[2] .. LONGER
  call('HSET', Q .. 'keyed', unpack(notes))
  call('HSET', Q .. 'keys', unpack(holders))
  if #windows > 0 then call('ZADD', Q .. 'windows', unpack(windows)) end
end
-- Takes a run in, if that is so: `into` names what a push has to do with it. Tells whether it was.
local function take_together(Q, lane, profile, count, first, into)
  local at = first + 2 * count
  local keys = different_keys(count, at)
  if not keys or has_any(Q .. 'jobs', ARGV, first, first + count - 1) or has_any(Q .. 'keys', keys, 1, #keys) then return false end
  into.count_in(Q, count)
  local header, jobs, waiting, records, w, f = with_side(into.header(Q)), {}, {}, {}, 0, 0
  local times, side, begin = { side = {}, delayed = {}, mortal = {} }, nil, front .. sub(header, 1, 5)
  side = times.side
  for n = 0, count - 1 do
    local id, body, i = ARGV[first + n], ARGV[first + count + n], at + 7 * n
    local record, is_keyed, is_waiting = header .. body, ARGV[i + 3] ~= '', true
    jobs[f + 1], jobs[f + 2] = id, record
    if ARGV[i] == 'n' and ARGV[i + 2] == '0' then
      side[f + 1], side[f + 2] = id, begin .. sub(body, 1, 2) .. (is_keyed and keyed or keyless)
    else
      is_waiting = into.waits(id, record, i, times, is_keyed)
    end
    if is_waiting then
      w = w + 1
      waiting[w], records[w] = id, record
    end
    f = f + 2
  end
  call('HSET', Q .. 'jobs', unpack(jobs))
  call('HSET', Q .. 'side', unpack(side))
  if #times.delayed > 0 then call('ZADD', Q .. 'delayed', unpack(times.delayed)) end
  if #times.mortal > 0 then call('ZADD', Q .. 'mortal', unpack(times.mortal)) end
  into.append(Q, lane, waiting, records, 24)
  hold_keys(Q, task_of(profile), count, first, at)
  if into.is_heard(Q) then into.tell_of(Q, jobs) end
  return true
end
return take_together
end
