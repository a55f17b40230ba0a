-- What a queue is held to, during one claim: which limits there are, and what their groups have in hand and have started.
local holds = {}
local function hold_of(Q, weighted)
  if holds[Q] then return holds[Q] end
  -- Of each group that was looked at the number of running jobs, and what else is kept if there is anything; what was taken and has not
  -- started yet; which have changed.
  local hold = { Q = Q, tasks = {}, running = {}, groups = {}, pending = {}, changed = {}, looked = 0, gone = 0, timed = {},
    weighted = weighted }
  local all = call('HGETALL', Q .. 'held')
  for i = 1, #all, 2 do
    if all[i] == '' then hold.queue = read_limit(all[i + 1]) else hold.tasks[all[i]] = read_limit(all[i + 1]) end
  end
  hold.active = hold.queue and hold.queue.most and call('HLEN', Q .. 'active') or 0
  holds[Q] = hold
  return hold
end
local function load_groups(hold, names)
  local missing, n, running = {}, 0, hold.running
  for i = 1, #names do
    if not running[names[i]] then
      n = n + 1
      missing[n] = names[i]
    end
  end
  if n == 0 then return end
  local found = call('HMGET', hold.Q .. 'groups', unpack(missing))
  for i = 1, n do
    local name, bytes = missing[i], found[i]
    if not bytes then
      running[name] = 0
    else
      local count = counts_in[bytes] or only_running(bytes)
      if not count then
        local g = read_group(bytes)
        hold.groups[name], count = g, g.running
      end
      running[name] = count
    end
  end
end
-- Returns what is kept of a group, to be changed.
local function group_of(hold, name)
  local g = hold.groups[name]
  if not g then
    g = read_group(nil)
    hold.groups[name] = g
  end
  hold.changed[name] = true
  return g
end
local function save_groups(hold)
  local fields, gone, n = {}, {}, 0
  for name in pairs(hold.changed) do
    local g, running = hold.groups[name], hold.running[name]
    local bytes
    if g then
      g.running = running
      bytes = packed_group(g)
    elseif running > 0 then
      bytes = short(running)
    end
    if bytes then
      fields[n + 1], fields[n + 2] = name, bytes
      n = n + 2
    else
      gone[#gone + 1] = name
    end
  end
  if n > 0 and #fields[2] == 4 then fields[2] = fields[2] .. PADDING .. PADDING end
  write_groups(hold.Q, fields, gone)
  hold.changed = {}
end
local function tokens_of(limit, g)
  if g.at == 0 then return limit.permits end
  local tokens = g.tokens
  if g.at < now then tokens = tokens + (now - g.at) * limit.permits / limit.interval end
  tokens = tokens + 1e-9
  return tokens < limit.permits and tokens or limit.permits
end
-- Returns how many may start under a rate; if none, when the next may, or nothing.
local function rate_left(limit, g, pending)
  if limit.permits == 0 then return 0 end
  if not g then
    if pending < limit.permits then return limit.permits - pending end
    g = read_group(nil)
  end
  if limit.kind == 1 then
    local tokens = tokens_of(limit, g) - pending
    if tokens >= 1 then return math.floor(tokens) end
    return 0, now + math.ceil((1 - tokens) * limit.interval / limit.permits)
  end
  local started = pending
  for _, start in ipairs(g.window) do
    if now < start[1] + limit.interval then started = started + start[2] end
  end
  if started < limit.permits then return limit.permits - started end
  local surplus = started - limit.permits
  for _, start in ipairs(g.window) do
    if now < start[1] + limit.interval then
      if surplus < start[2] then return 0, start[1] + limit.interval end
      surplus = surplus - start[2]
    end
  end
  return 0, now + limit.interval
end
-- Returns how many of a group may start; if none, when the next may, or nothing if a permit must be given back first.
local function left(hold, name, limit)
  if not limit then return math.huge end
  local running = hold.running[name]
  if not running then
    load_groups(hold, { name })
    running = hold.running[name]
  end
  local free, pending = math.huge, hold.pending[name] or 0
  if limit.most then free = limit.most - (name == '' and hold.active or running) - pending end
  if free <= 0 then return 0 end
  if limit.kind == 0 then return free end
  local may, time = rate_left(limit, hold.groups[name], pending)
  return may < free and may or free, time
end
-- Takes note that somebody would start a job of a group that is no key as soon as a permit is there.
local function refuse(hold, name, limit)
  if not limit.most or limit.most > (name == '' and hold.active or hold.running[name]) + (hold.pending[name] or 0) then return end
  local g = hold.groups[name]
  if not g or g.awaited == 0 then group_of(hold, name).awaited = 1 end
end
-- Takes note that jobs of a group have started.
local function started(hold, name, limit, count)
  if limit.kind == 0 and name == '' then return end
  if limit.kind ~= 0 then
    local g = group_of(hold, name)
    if limit.kind == 1 then
      g.tokens, g.at, g.window = tokens_of(limit, g) - count, now, NONE
    else
      local window = {}
      for _, start in ipairs(g.window) do
        if now < start[1] + limit.interval then window[#window + 1] = start end
      end
      local last = window[#window]
      -- What starts in one of 64 parts of the window counts from the last of it on, so that few parts are kept.
      local part = math.max(1, math.floor(limit.interval / 64))
      if last and math.floor(last[1] / part) == math.floor(now / part) then
        last[1], last[2] = now, last[2] + count
      else
        window[#window + 1] = { now, count }
      end
      g.at, g.window = 0, window
    end
  end
  if limit.most and name ~= '' then hold.running[name] = hold.running[name] + count end
  hold.changed[name] = true
end
-- Returns the task of the jobs in a list or ring.
local tasks_by_lane = {}
local function task_in(Q, line)
  local lane = sub(line, 2, 10)
  if not tasks_by_lane[lane] then
    local profile = call('HGET', Q .. 'meta', lane)
    tasks_by_lane[lane] = profile and task_of(profile) or ''
  end
  return tasks_by_lane[lane]
end
-- Makes room in a list whose jobs' limit lets nobody wait, unless some of them were taken just now. Tells whether more have to go.
local function make_room_in(hold, line, name, limit)
  if not (limit.discards or limit.stops) or (hold.pending[name] or 0) > 0 or byte(line, 1) == 115 then return end
  if not hold.running[name] then load_groups(hold, { name }) end
  local gone, more = rare().make_room(hold.Q, line, name, limit, hold.running[name], math.min(1000 - hold.gone, 250))
  hold.gone = hold.gone + gone
  if more then hold.looked = 1000 end
  return more
end
