-- Returns the mark of a job, given its record.
function kin.mark(rec)
  return sub(rec, 1, 5) .. string.char(byte(rec, 6) % 128) .. sub(rec, 7, 14)
end
-- Keeps the record of a job as long as that of one that waits for it. It may have ended before: `done` is what is kept of that.
function kin.pin(Q, id, mark, done)
  local before, asked = pin_of(Q, id), string.rep('\0', 7)
  if before then
    asked = sub(before, 15, 21)
  elseif done then
    local state, number = sub(done, 1, 1), unpick('>I7', sub(done, 40, 46))
    local until_ = call('ZSCORE', Q .. 'zu', id)
    if until_ then
      asked = pack('>I7', until_)
      call('ZREM', Q .. 'zu', id)
    elseif state == 'c' then
      -- Not a void place: lists would find it there and in `zq`.
      call('LREM', Q .. 'lc', -1, id)
    else
      call('ZREM', Q .. 'z' .. state, id)
    end
    call('ZADD', Q .. list_of_pinned(state), number, id)
  end
  call('HSET', Q .. 'pins', id, mark .. asked .. (has_pins(Q) and '' or PADDING .. PADDING))
  pins.known[Q] = true
end
-- Lets go of a job that was pinned by one that is forgotten: it goes too, unless it has not ended, or asked for more time and was not
-- pinned strictly. Returns how many that were.
function kin.unpin(Q, id, mark, is_strict, now)
  local pin = pin_of(Q, id)
  if not pin or sub(pin, 1, 14) ~= mark then return 0 end
  call('HDEL', Q .. 'pins', id)
  local done = call('HGET', Q .. 'done', id)
  if not done then return 1 end
  local state, asked = sub(done, 1, 1), unpick('>I7', sub(pin, 15, 21))
  if now < asked and not is_strict then
    call('ZADD', Q .. 'zu', asked, id)
  elseif state == 'f' or state == 'e' then
    drop_dead(Q, 'y' .. state, id, now)
  else
    call('ZREM', Q .. list_of_pinned(state), id)
    purge(Q, { id })
  end
  return 1
end
-- Lets go of what was pinned by jobs of a queue that are forgotten: looks at so many at most, and returns how many were pinned still. `unpinned` has the
-- numbers of those jobs, each with a hash `u:`: its mark m, its parents p as they were sent, and from which byte on they are left, a.
function kin.unpin_some(Q, most, now)
  local count, looks = 0, 0
  while looks < most do
    local number = call('LINDEX', Q .. 'unpinned', 0)
    if not number then break end
    local own = call('HMGET', Q .. 'u:' .. number, 'm', 'p', 'a')
    local parents, at = own[2] or '', tonumber(own[3] or 1)
    while at <= #parents and looks < most do
      local _, _, pinned, P, id, _, behind = kin.parent_at(parents, at)
      at, looks = behind, looks + 1
      if pinned ~= '-' and kin.is_apart(P) then
        kin.unpin_apart(P, id, own[1], pinned)
        count = count + 1
      elseif pinned ~= '-' then
        count = count + kin.unpin(P, id, own[1], pinned == 's', now)
      end
    end
    if at <= #parents then
      call('HSET', Q .. 'u:' .. number, 'a', at)
    else
      call('LPOP', Q .. 'unpinned')
      call('UNLINK', Q .. 'u:' .. number)
    end
  end
  return count
end
