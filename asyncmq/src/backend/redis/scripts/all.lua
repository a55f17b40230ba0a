-- All that is kept of one job; nil if there is none.
local profiles = {}
local function all_of(Q, id)
  local rec = call('HGET', Q .. 'jobs', id)
  if not rec then return nil end
  local lane = sub(rec, 15, 23)
  profiles[lane] = profiles[lane] or call('HGET', Q .. 'meta', lane) or ''
  local side = call('HGET', Q .. 'side', id)
  local more = side and call('HMGET', Q .. 'more', 'e' .. id, 'l' .. id, 'p' .. id) or {}
  return { id, rec, profiles[lane], side or '', call('HGET', Q .. 'active', id) or '', call('HGET', Q .. 'done', id) or '',
    more[1] or '', more[2] or '', more[3] or '' }
end
