-- Events and wake-ups, published once at the end of a script; without listeners nothing is built.
-- A frame: kind, time, attempt, worker, id, base of the queue, profile of the job, kind of data, data.
local NOBODY = string.rep('\0', 16)
local ears, frames, private
local function heard()
  if ears == nil then ears = call('EXISTS', S .. 'ears') == 1 end
  return ears
end
local waited = {}
local function noisy(Q)
  if waited[Q] == nil then waited[Q] = call('EXISTS', S .. 'ears', Q .. 'wait') > 0 end
  return waited[Q]
end
-- Tells of a job; `rec` is its record if the caller has it. The last event of a job ends the wait for it.
local function emit(Q, kind, id, rec, attempt, worker, now, what, data, last)
  if not noisy(Q) then return end
  local waiting = call('HGET', Q .. 'wait', id)
  if not (waiting or heard()) then return end
  rec = rec or call('HGET', Q .. 'jobs', id)
  local profile = rec and call('HGET', Q .. 'meta', sub(rec, 15, 23)) or ''
  local frame = pack('>BI7I4c16Bc0I2c0I2c0c1I4c0', kind, now, attempt, worker, #id, id, #Q, Q, #profile,
    profile, what, #data, data)
  if heard() then
    frames = frames or {}
    frames[#frames + 1] = frame
  end
  if waiting then
    private = private or {}
    for i = 1, #waiting, 16 do
      local to = sub(waiting, i, i + 15)
      private[to] = (private[to] or '') .. frame
    end
    if last then call('HDEL', Q .. 'wait', id) end
  end
end
-- Tells of a queue or a worker.
local function emit_other(Q, kind, worker, now)
  if not heard() then return end
  frames = frames or {}
  frames[#frames + 1] = pack('>BI7I4c16Bc0I2c0I2c0c1I4c0', kind, now, 0, worker, 0, '', #Q, Q, 0, '', '-', 0, '')
end
local function publish()
  -- All queues share one channel, also where they share no keys.
  if frames then call('PUBLISH', (string.match(S, '^(.-:){') or S) .. 'ev', table.concat(frames)) end
  for to, batch in pairs(private or {}) do call('PUBLISH', S .. 'ev' .. to, batch) end
end
