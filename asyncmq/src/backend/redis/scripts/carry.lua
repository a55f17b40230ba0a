-- Carries a transition out on a job that no worker holds any more; `s` is how it stood, its attempt not yet counted.
local function wait_until(Q, id, rec, s, now, run_at)
  s.run_at = run_at
  s.seq = fresh_batch(Q) .. '\0\0'
  s.state = now < run_at and 'd' or 'w'
  if s.state == 'd' then
    call('ZADD', Q .. 'delayed', run_at, delayed_member(s, id))
  else
    append(Q, line_of(rec, s.suspect), id)
  end
  note_end(Q, id, s)
  write_side(Q, id, rec, s)
  wake(Q)
end
local function carry_out(Q, id, rec, s, op, amount, data, now)
  local attempt = s.attempt + 1
  -- A draining worker's claim outlives its end, until somebody else claims the job.
  s.ghost, s.charged = s.claim or NOBODY8, 0
  if op == 'C' then
    emit(Q, 3, id, rec, attempt, s.worker, now, 'r', data, true)
    local keep = tonumber(amount)
    if keep > 0 then keep = now + keep elseif keep < 0 then keep = nil end
    if s.is_keyed then free_key(Q, id, now) end
    tell_children(Q, id, 'c', data, now)
    finish(Q, id, 'c', now, attempt, s.crashes, s.worker, s.started, data, keep)
  elseif op == 'R' then
    s.attempt = attempt
    keep_failure(Q, id, now, data)
    wait_until(Q, id, rec, s, now, now + tonumber(amount))
    emit(Q, 5, id, rec, attempt, s.worker, now, 't', pack('>I8', amount) .. data)
  elseif op == 'F' then
    -- The side record stands for the failures beside it.
    write_side(Q, id, rec, s)
    keep_failure(Q, id, now, data)
    emit(Q, 4, id, rec, attempt, s.worker, now, 'f', data, true)
    if s.is_keyed then free_key(Q, id, now) end
    tell_children(Q, id, 'f', '', now)
    finish(Q, id, 'f', now, attempt, s.crashes, s.worker, s.started, '')
  elseif op == 'S' then
    s.expires = 0
    wait_until(Q, id, rec, s, now, now + tonumber(amount))
    emit(Q, 11, id, rec, s.attempt, s.worker, now, 'w', pack('>I8', amount))
  elseif op == 'W' then
    -- Its new record, and all of its parents, of which it has waited for the first `amount` already.
    local length, at = unpick('>I4', data)
    rec = sub(rec, 1, 23) .. sub(data, at, at + length - 1)
    s.expires, s.is_kin, s.state, s.seq = 0, true, 'b', fresh_batch(Q) .. '\0\0'
    call('HSET', Q .. 'jobs', id, rec)
    call('ZADD', Q .. 'blocked', number(s.seq), id)
    note_end(Q, id, s)
    write_side(Q, id, rec, s)
    emit(Q, 11, id, rec, s.attempt, s.worker, now, 'w', pack('>I8', 0))
    kin.link(Q, id, rec, s, sub(data, at + length), now, tonumber(amount))
  elseif op == 'X' then
    local said = amount == '1'
    emit(Q, 7, id, rec, attempt, s.worker, now, said and 'x' or '-', data, true)
    if s.is_keyed then free_key(Q, id, now) end
    tell_children(Q, id, 'x', '', now)
    finish(Q, id, 'x', now, attempt, s.crashes, s.worker, s.started, amount .. data)
  else
    s.state = 'w'
    put_back(Q, line_of(rec, s.suspect), s.seq, id)
    note_end(Q, id, s)
    write_side(Q, id, rec, s)
    wake(Q)
    emit(Q, 11, id, rec, s.attempt, s.worker, now, 'w', pack('>I8', 0))
  end
end
