-- rescue: takes the jobs of one dead worker in one queue, a bounded number.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, worker, end of its lease (empty to take them whatever the lease), 1 to release them all (it was draining
--        or has ended), most crashes, limit, cursor
-- Reply  number of jobs, cursor; -1 if the worker has come back
-- Cost   2 commands; per job 8 to 16, and behind others that wait 3 for each time that their list can be halved
local now, worker, release = time(), ARGV[2], ARGV[4] == '1'
local max_crashes, limit, Q = tonumber(ARGV[5]), tonumber(ARGV[6]), KEYS[2]
if ARGV[3] ~= '' and call('ZSCORE', S .. 'sessions', worker) ~= ARGV[3] then return { -1, '0' } end

local function crash(id, act, rec, s)
  -- Whoever was there may be to blame. Who has one life left is a suspect from now on, and only a suspect is given up.
  local was_suspect = s.suspect or max_crashes <= 1
  s.crashes = s.crashes + 1
  s.suspect = max_crashes <= s.crashes + 1
  if was_suspect and max_crashes <= s.crashes then
    local said = 'the worker died ' .. string.format('%d', s.crashes) .. ' time(s) with this job in hand'
    return carry_out(Q, id, rec, s, 'F', '0', pack('>I4B', s.attempt + 1, 3) .. said, now)
  end
  s.state, s.ghost, s.charged = 'w', sub(act, 24, 31), 1
  write_side(Q, id, rec, s)
  put_back(Q, line_of(rec, s.suspect), s.seq, id)
  note_end(Q, id, s)
  wake(Q)
  emit(Q, 10, id, rec, s.attempt, worker, now, '-', '')
end

local count = 0
local scan = call('HSCAN', Q .. 'active', ARGV[7], 'COUNT', 40)
local cursor, fields = scan[1], scan[2]
for i = 1, #fields, 2 do
  local id, act = fields[i], fields[i + 1]
  if sub(act, 1, 16) == worker then
    if count == limit then
      cursor = ARGV[7]
      break
    end
    count = count + 1
    local rec = call('HGET', Q .. 'jobs', id)
    local s = let_go(Q, worker, id, act, rec, now)
    if s and release then
      s.claim = ARGV[3] ~= '' and sub(act, 24, 31) or nil
      carry_out(Q, id, rec, s, 'L', '0', '', now)
    elseif s then
      crash(id, act, rec, s)
    end
  end
end
publish()
return kin.sealed({ count, cursor })
