local now, worker = time(), ARGV[2]
-- Lets jobs wait whose time has come, behind the others; a bounded number.
local function promote(Q)
  local due = call('ZRANGEBYSCORE', Q .. 'delayed', '-inf', now, 'LIMIT', 0, 500)
  local ids = {}
  for i = 1, #due do ids[i] = sub(due[i], 8) end
  local records, sides = call('HMGET', Q .. 'jobs', unpack(ids)), call('HMGET', Q .. 'side', unpack(ids))
  call('ZREM', Q .. 'delayed', unpack(due))
  local batch, lines, order, fields = fresh_batch(Q), {}, {}, {}
  for i = 1, #due do
    if records[i] and sides[i] then
      local place = pack('>I2', i)
      local crashes = unpick('>I4', sub(sides[i], 6, 9))
      local line = line_of(records[i], crashes)
      if not lines[line] then
        lines[line] = {}
        order[#order + 1] = line
      end
      table.insert(lines[line], batch .. place .. ids[i])
      fields[#fields + 1] = ids[i]
      fields[#fields + 1] = 'w' .. sub(sides[i], 2, 33) .. batch .. place .. sub(sides[i], 41)
    end
  end
  for _, line in ipairs(order) do
    call('RPUSH', Q .. line, unpack(lines[line]))
    is_ready(Q, line)
  end
  if #fields > 0 then call('HSET', Q .. 'side', unpack(fields)) end
end

local suspect
-- Tells whether the worker holds a job that has died with a process before.
local function has_suspect()
  if suspect == nil then
    local held = call('HGET', S .. 'suspects', worker)
    suspect = false
    if held then
      local size = unpick('>I2', held)
      local act = call('HGET', sub(held, 3, 2 + size) .. 'active', sub(held, 3 + size))
      suspect = act and sub(act, 13, 28) == worker or false
    end
  end
  return suspect
end

-- Takes up to `want` entries of the lists in `lines[from..to]`, which have one priority, in the order of their numbers.
local function merge(Q, lines, from, to, want)
  local heads, given = {}, {}
  for i = from, to do
    local most = want
    if sub(lines[i], 1, 1) == 's' then most = has_suspect() and 0 or 1 end
    heads[i] = most > 0 and call('LRANGE', Q .. lines[i], 0, most - 1) or {}
    if #heads[i] == 0 and most > 0 then call('ZREM', Q .. 'ready', lines[i]) end
    given[i] = 0
  end
  local entries, has_one = {}, false
  while #entries < want do
    local best, least
    for i = from, to do
      local entry = heads[i][given[i] + 1]
      if entry and not (has_one and sub(lines[i], 1, 1) == 's') then
        local mine = number(entry)
        if not least or mine < least then best, least = i, mine end
      end
    end
    if not best then break end
    has_one = has_one or sub(lines[best], 1, 1) == 's'
    given[best] = given[best] + 1
    entries[#entries + 1] = heads[best][given[best]]
  end
  for i = from, to do
    if given[i] > 0 then call('LPOP', Q .. lines[i], given[i]) end
  end
  return entries, #entries < want
end

local function hold_suspect(Q, id)
  call('HSET', S .. 'suspects', worker, pack('>I2c0', #Q, Q) .. id)
  suspect = true
end
return { promote = promote, merge = merge, hold_suspect = hold_suspect, read_side = read_side, expire_job = expire_job,
  noisy = noisy, emit = emit, publish = publish }
end
