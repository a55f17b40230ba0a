-- Jobs that wait for others. A job that others wait for is a field of `kids`, by how many entries the list of them, `c:` and its id, was
-- given: place of the edge, policy (f fail, r run, x cancel), what is passed on (0 nothing, 1 that it completed, 2 what it returned), the
-- child's number, as ids come again, its mark if it pins the job, base of its queue, its id, and how the job is named in what is said of
-- its end. A job that waits has a side record that says so and a hash, `f:` and its id: o has a letter for each parent (o open, c counts, b
-- broken), p the parents as they were sent, m its mark if it pins them, n how many bytes they passed on; that is in another one, `i:` and its id, by the
-- places of the edges.
-- What the end of a parent means is the rule of `lifecycle::heed`. `ends` has the ends of which not all children are told, each with the
-- list of those, `t:` and a number.
local ENTRY = '>I4c1c1c7I1c0I2c0I2c0'
local HOW = { f = 'failed', e = 'expired', x = 'was cancelled', c = 'ended' }
local kin = { budget = 200, due = {}, known = {}, leaving = {} }
-- Tells whether somebody waits for jobs of a queue.
function kin.are_awaited(Q)
  if kin.known[Q] == nil then kin.known[Q] = call('EXISTS', Q .. 'kids') == 1 end
  return kin.known[Q]
end
-- Tells how a job stands to a parent that ended so; nil if it was removed, or is not known.
function kin.stands(policy, state)
  return (state == 'c' or policy == 'r') and 'c' or 'b'
end
-- Keeps for a job what a parent that completed passes on.
function kin.keep_input(Q, id, place, passes, result)
  if passes == '0' then return end
  local value = passes == '2' and result or ''
  local more = #value > 0 and #value - call('HSTRLEN', Q .. 'i:' .. id, place) or 0
  call('HSET', Q .. 'i:' .. id, place, value)
  if more ~= 0 then call('HINCRBY', Q .. 'f:' .. id, 'n', more) end
end
-- Ends a blocked job with its parent.
function kin.end_child(Q, id, rec, s, policy, said, now)
  displace(Q, id, rec, s)
  if policy == 'f' then
    -- The side record stands for the failures beside it.
    local failure = pack('>I4B', s.attempt, 6) .. said
    write_side(Q, id, rec, s)
    keep_failure(Q, id, now, failure)
    emit(Q, 4, id, rec, s.attempt, s.worker, now, 'f', failure, true)
  else
    emit(Q, 7, id, rec, s.attempt, s.worker, now, 'x', said, true)
  end
  if s.is_keyed then free_key(Q, id, now) end
  tell_children(Q, id, policy, '', now)
  finish(Q, id, policy, now, s.attempt, s.crashes, s.worker, s.started, policy == 'x' and '1' .. said or '')
end
-- Lets a job go on that waits for nobody any more.
function kin.go_on(Q, id, edges, now, has_place)
  if not string.find(edges, 'o', 1, true) then unblock(Q, id, now, has_place) end
end
-- Tells one child of the end of a job. One that has ended with another parent meanwhile takes note, as it may begin anew.
function kin.tell_child(entry, state, result, now)
  local place, policy, passes, seq, _, Q, id, at = unpick(ENTRY, entry)
  if kin.is_apart(Q) then return kin.tell_apart(Q, entry, state, result) end
  if kin.leaving[Q .. id] then return end
  -- Its record names all of its parents, and may be long: it is read only where it is needed.
  local side = call('HGET', Q .. 'side', id)
  if not side then return end
  local s, has_ended = read_side(side), call('HEXISTS', Q .. 'done', id) == 1
  local edges = s.seq == seq and s.state == 'b' and call('HGET', Q .. 'f:' .. id, 'o')
  if not edges or sub(edges, place, place) ~= 'o' then return end
  local stands = kin.stands(policy, state)
  edges = sub(edges, 1, place - 1) .. stands .. sub(edges, place + 1)
  call('HSET', Q .. 'f:' .. id, 'o', edges)
  if state == 'c' then kin.keep_input(Q, id, place, passes, result) end
  if has_ended then return end
  if stands == 'c' then return kin.go_on(Q, id, edges, now) end
  kin.end_child(Q, id, call('HGET', Q .. 'jobs', id), s, policy, sub(entry, at) .. (HOW[state] or 'was removed'), now)
end
-- Tells the children of one job, as many as one step may. The rest is told by the next claim from the job's queue, or by a duty; whoever
-- comes to wait for the job meanwhile, as it begins anew, is in a list of its own.
function kin.tell(ending, now)
  local Q, list, state, result = unpack(ending, 1, 4)
  while kin.budget > 0 do
    local entries = call('LPOP', Q .. list, math.min(kin.budget, 50))
    if not entries then return end
    kin.budget = kin.budget - #entries
    for _, entry in ipairs(entries) do kin.tell_child(entry, state, result, now) end
  end
  if call('EXISTS', Q .. list) == 0 then return end
  if sub(list, 1, 2) == 'c:' then
    local rest = 't:' .. call('HINCRBY', Q .. 'meta', 't', 1)
    call('RENAME', Q .. list, Q .. rest)
    list = rest
  end
  call('RPUSH', Q .. 'ends', pack('>c1I2c0', state or '-', #list, list) .. result)
  wake(Q)
end
-- Tells of all ends that are due. One may bring others about, and nobody knows how deep.
function kin.tell_all(now)
  if kin.telling then return end
  kin.telling = true
  while kin.due[1] do kin.tell(table.remove(kin.due, 1), now) end
  kin.telling = false
end
-- Goes on telling of ends that were too many for one step. Returns how many there were.
function kin.tell_more(Q, now)
  local ends = call('LPOP', Q .. 'ends', 50) or {}
  for _, bytes in ipairs(ends) do
    local state, list, at = unpick('>c1I2c0', bytes)
    kin.due[#kin.due + 1] = { Q, list, state ~= '-' and state, sub(bytes, at) }
  end
  kin.tell_all(now)
  return #ends
end
-- Tells those that wait for a job that it has ended, or is removed: `state` is nil then.
tell_children = function(Q, id, state, result, now)
  if not kin.are_awaited(Q) or call('HDEL', Q .. 'kids', id) == 0 then return end
  kin.due[#kin.due + 1] = { Q, 'c:' .. id, state, result }
  kin.tell_all(now)
end
-- Returns one of the parents of a job as they were sent: policy, what is passed on, p if it is pinned, s if it is so strictly, base, id, how it
-- is named, and where the next one stands.
function kin.parent_at(parents, at)
  return unpick('>c1c1c1I2c0I2c0I2c0', parents, at)
end
-- Goes over the parents of a job: place, policy, what is passed on, base, id, how it is named, and whether it is pinned.
function kin.each(parents, visit)
  local at, place = 1, 0
  while at <= #parents do
    local policy, passes, pinned, P, id, name, behind = kin.parent_at(parents, at)
    place, at = place + 1, behind
    visit(place, policy, passes, P, id, name, pinned ~= '-')
  end
end
-- Returns the place of the first parent that is not known, from 0. Those in other slots were looked for before: g says that one is not there.
function kin.gone_parent(parents)
  local gone
  kin.each(parents, function(place, _, passes, P, id)
    local is_gone = passes == 'g'
    if not kin.is_apart(P) then is_gone = call('HEXISTS', P .. 'jobs', id) == 0 end
    if not gone and is_gone then gone = place - 1 end
  end)
  return gone
end
-- Returns what stands in a job's list of those that wait for it; with the mark of the one that waits if that pins it, else ''.
function kin.entry(place, policy, passes, s, mark, Q, id, name)
  return pack(ENTRY, place, policy, passes, s.seq, #mark, mark, #Q, Q, #id, id) .. name
end
-- Notes that somebody waits for a job.
function kin.await(P, parent, entry)
  call('HINCRBY', P .. 'kids', parent, 1)
  call('RPUSH', P .. 'c:' .. parent, entry)
  kin.known[P] = true
end
-- Lets a blocked job wait for its parents, as far as they have not ended; those that have count at once. What counted before goes on to
-- count when the parent's record is no longer kept. Parents in other slots are asked, and count when they answer. The first `known` of
-- them it has looked at already.
function kin.link(Q, id, rec, s, parents, now, known)
  local own, letters, broken, mark = Q .. 'f:' .. id, {}, nil, ''
  local before = call('HGET', own, 'o') or ''
  kin.each(parents, function(place, policy, passes, P, parent, name, is_pinned)
    if is_pinned then mark = kin.mark(rec) end
    if known and place <= known then
      letters[place] = sub(before, place, place)
      return
    end
    if kin.is_apart(P) then
      letters[place] = 'o'
      local entry = kin.entry(place, policy, passes, s, mark, Q, id, name)
      return kin.ask_apart(P, parent, entry, sub(before, place, place) == 'c' and '1' or '0')
    end
    local is_kept, done = call('HEXISTS', P .. 'jobs', parent) == 1, call('HGET', P .. 'done', parent)
    local state = done and sub(done, 1, 1)
    if is_kept and is_pinned then kin.pin(P, parent, mark, done) end
    if is_kept and not done then
      letters[place] = 'o'
      kin.await(P, parent, kin.entry(place, policy, passes, s, mark, Q, id, name))
    elseif not is_kept and sub(before, place, place) == 'c' then
      letters[place] = 'c'
    else
      letters[place] = kin.stands(policy, is_kept and state)
      if state == 'c' then kin.keep_input(Q, id, place, passes, sub(done, 47)) end
      if letters[place] == 'b' and not broken then
        broken = { policy, name .. (is_kept and HOW[state] or 'was removed') }
      end
    end
  end)
  local edges = table.concat(letters)
  call('HSET', own, 'o', edges, 'p', parents)
  if mark ~= '' then
    call('HSET', own, 'm', mark)
    call('HSET', Q .. 'meta', 'k', 1)
  end
  if broken then return kin.end_child(Q, id, rec, s, broken[1], broken[2], now) end
  kin.go_on(Q, id, edges, now, true)
end
-- Returns what the parents of jobs passed on, for each that has some: its place among those in hand, and what the hash of it has, or how
-- many bytes that is if it is too much to be handed out.
local MAX_OUTPUTS = 67108864
function kin.inputs(Q, ids, sides)
  local all
  for i = 1, #ids do
    if sides[i] ~= '' and byte(sides[i], -1) >= KIN then
      local bytes = tonumber(call('HGET', Q .. 'f:' .. ids[i], 'n') or 0)
      local passed = bytes <= MAX_OUTPUTS and call('HGETALL', Q .. 'i:' .. ids[i])
      if not passed then
        all = all or {}
        all[#all + 1], all[#all + 2] = i, bytes
      elseif #passed > 0 then
        all = all or {}
        all[#all + 1] = i
        all[#all + 1] = passed
      end
    end
  end
  return all
end
