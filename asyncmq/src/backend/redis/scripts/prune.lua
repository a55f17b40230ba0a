-- prune: drops records of ended jobs of one queue that are past their time or their number.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, how long completed and cancelled ones are kept, how many; the same for dead ones; limit
-- Reply  number of jobs, those that were pinned among them, and of deduplication keys
-- Cost   13 commands; per job 4, dead ones 6, per deduplication key whose window is over 3
local now, Q, limit = time(), KEYS[2], tonumber(ARGV[6])
call('HSET', S .. 'limits', 'ended', ARGV[3], 'dead', ARGV[5])
local over = call('ZRANGEBYSCORE', Q .. 'zu', '-inf', string.format('%.0f', now), 'LIMIT', 0, limit)
if #over > 0 then
  call('ZREM', Q .. 'zu', unpack(over))
  call('ZREM', Q .. 'zq', unpack(over))
  purge(Q, over)
end
local dropped = #over
local over_keys = call('ZRANGEBYSCORE', Q .. 'windows', '-inf', string.format('%.0f', now), 'LIMIT', 0, limit - dropped)
for _, key in ipairs(over_keys) do
  local k = read_key(Q, key)
  if k and k.next ~= '' then
    -- Somebody waits for the owner, which holds the key until it has ended.
    local ended = k.ends
    k.ends = 0
    put_key(Q, key, k, ended)
  elseif k then
    drop_key(Q, key, k)
  end
end
dropped = dropped + #over_keys
-- Lists the first of a list that ended before a time.
local function aged(list, before, most)
  local ids, old = call('ZRANGE', Q .. list, 0, most - 1), {}
  if #ids == 0 then return old end
  local done = call('HMGET', Q .. 'done', unpack(ids))
  for i = 1, #ids do
    if done[i] and before < unpick('>I7', sub(done[i], 2, 8)) then break end
    old[i] = ids[i]
  end
  return old
end
for _, list in ipairs({ 'lc', 'zx' }) do
  dropped = dropped + trim(Q, list, tonumber(ARGV[3]), limit - dropped)
  dropped = dropped + age_out(Q, list, now - tonumber(ARGV[2]), limit - dropped)
end
dropped = dropped + trim_dead(Q, tonumber(ARGV[5]), limit - dropped, now)
for _, list in ipairs({ 'zf', 'ze' }) do
  local old = limit > dropped and aged(list, now - tonumber(ARGV[4]), limit - dropped) or {}
  for _, id in ipairs(old) do drop_dead(Q, list, id, now) end
  dropped = dropped + #old
end
dropped = dropped + kin.unpin_some(Q, limit - dropped, now)
-- Groups of which nothing needs to be remembered, some at a time.
if call('EXISTS', Q .. 'groups') == 1 then
  local from = call('HGET', Q .. 'meta', 'g') or '0'
  local scan = call('HSCAN', Q .. 'groups', from, 'COUNT', 250)
  call('HSET', Q .. 'meta', 'g', scan[1])
  for i = 1, #scan[2], 2 do
    local name, g = scan[2][i], read_group(scan[2][i + 1])
    local kept = call('HGET', Q .. 'held', name == '' and '' or string.match(name, '^[^\31]*'))
    local limit = kept and read_limit(kept)
    local is_idle = not limit or limit.kind == 0
    if limit and limit.kind == 1 then
      is_idle = g.at == 0 or g.tokens + (now - g.at) * limit.permits / limit.interval >= limit.permits
    elseif limit and limit.kind == 2 then
      local last = g.window[#g.window]
      is_idle = not last or last[1] + limit.interval <= now
    end
    if g.running == 0 and #g.rings > 0 and (not limit or limit.most ~= 0) then
      -- Nobody is left who would give a permit back.
      local counts = {}
      counts[name] = 0
      give_back(Q, { '', name }, counts)
    elseif is_idle and g.running == 0 and (g.awaited == 0 or not limit) then
      call('HDEL', Q .. 'groups', name)
    end
  end
end
publish()
return kin.sealed(dropped)
