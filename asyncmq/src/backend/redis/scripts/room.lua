-- Limits that let nobody wait: which jobs go so that others may start. What has to go is the rule of `lifecycle::make_room`, what is said of
-- it that of `lifecycle::why_no_room`.
local function why_no_room(limit, task, key, was_running)
  local of, most = key and 'key "' .. key .. '" of task ' .. task or 'task ' .. task, string.format('%d', limit.most)
  if limit.discards then return 'as many jobs of ' .. of .. ' ran as may at once (' .. most .. ')' end
  local what = was_running and ' takes its place (' or ' came before it had started ('
  return 'a newer job of ' .. of .. what .. most .. ' at once)'
end
-- Lists the first jobs of a list at which no attempt was made yet, at most `most`: their places, ids, records and side records. Void
-- places are passed over. Then tells whether the list goes on.
local function new_jobs(Q, line, most)
  local ids = call('LRANGE', Q .. line, 0, most - 1)
  if #ids == 0 then return {}, false end
  local records, new, void = call('HMGET', Q .. 'jobs', unpack(ids)), {}, {}
  local sides = sides_of(Q, ids, records)
  if call('EXISTS', Q .. 'tombs') == 1 then
    local fields = {}
    for i = 1, #ids do fields[i] = line .. ids[i] end
    void = call('HMGET', Q .. 'tombs', unpack(fields))
  end
  for i = 1, #ids do
    local s = records[i] and not void[i] and (sides[i] and read_side(sides[i]) or plain_side(records[i]))
    if s and s.attempt == 0 and s.crashes == 0 then new[#new + 1] = { i, ids[i], records[i], s } end
  end
  return new, #ids == most
end
-- Takes jobs out of a list and cancels them, as there is no room for them.
local function discard(Q, line, jobs, reason)
  local now, count = time(), #jobs
  if count == 0 then return end
  if jobs[count][1] == count then
    call('LPOP', Q .. line, count)
  else
    for _, job in ipairs(jobs) do call('LREM', Q .. line, 1, job[2]) end
  end
  for _, job in ipairs(jobs) do
    local id, rec, s = job[2], job[3], job[4]
    if s.expires > 0 then call('ZREM', Q .. 'mortal', id) end
    call_off(Q, id, rec, s, '1', reason, now)
  end
end
-- Asks the oldest running jobs of a group to stop: as many as are in the way of `left` that wait.
local function stop(Q, name, limit, left, reason)
  local prefix = holder(name, '', '')
  local from, to = '[' .. prefix, '(' .. prefix .. '\255'
  local askable = call('ZLEXCOUNT', Q .. 'holders', from, to)
  local count = math.min(askable, askable + left - limit.most)
  if count <= 0 then return end
  local members = call('ZRANGEBYLEX', Q .. 'holders', from, to, 'LIMIT', 0, count)
  call('ZREM', Q .. 'holders', unpack(members))
  for _, member in ipairs(members) do
    local id = sub(member, #prefix + 8)
    local act = call('HGET', Q .. 'active', id)
    if act and call('HSETNX', Q .. 'cancel', id, '1' .. reason) == 1 then
      call('PUBLISH', S .. 'to' .. sub(act, 1, 16), sub(act, 24, 31) .. id)
    end
  end
end
-- Makes room in a list of which `running` jobs run. At most `most` jobs go. Returns how many went, and whether more have to.
local function make_room(Q, line, name, limit, running, most)
  if limit.discards and running < limit.most then return 0, false end
  local task, key = string.match(name, '^([^\31]*)\31(.*)$')
  task = task or name
  local spared = limit.stops and limit.most or 0
  local new, goes_on = new_jobs(Q, line, math.min(spared + most + 1, 4000))
  local surplus, gone = #new - spared, {}
  for i = 1, math.min(surplus, most) do gone[i] = new[i] end
  discard(Q, line, gone, why_no_room(limit, task, key, false))
  if limit.stops and #new > 0 then
    stop(Q, name, limit, math.min(#new, limit.most), why_no_room(limit, task, key, true))
  end
  return #gone, surplus > #gone or goes_on and #gone > 0
end
