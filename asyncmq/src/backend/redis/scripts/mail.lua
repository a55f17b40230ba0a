-- What queues in different slots of a cluster say to each other. No script reaches from one into another, so a message waits in an
-- outbox under the sender's tag, the list `o:` and the base of the other queue, until somebody carries it (`collect`, `deliver`). It lies there
-- until it was taken in, so no death loses it, and it may be taken in twice. `outs` has the outboxes that are not empty, each with whose
-- it is to carry: until when (8 bytes, by the server's own clock) and a mark of the carrier's; nothing if it is nobody's.
-- A message: l, 1 if the edge counted before (see `kin.link`), 2 if the job was asked before, its id, and the entry that is to stand in
-- its list of children; or u, how one was pinned, the mark of the job that pinned it and is forgotten, and its id; or t, how a job ended (- if it was removed), what it returned, and the entry of the child that is told. A child
-- knows which edges are open, and its number is in the entry, so it heeds each end once; a job that is asked twice has its child twice in its list.
-- Tells whether a queue lies in another slot: on one server all share a base, in a cluster each queue has its own.
function kin.is_apart(P)
  return S == KEYS[2] and P ~= S
end
-- Puts a message into the outbox of this script's queue.
local function send(P, message)
  call('RPUSH', S .. 'o:' .. P, message)
  call('HSETNX', S .. 'outs', P, '')
  kin.has_mail = true
end
local function end_told(entry, state, result)
  -- Only what is passed on is worth its way.
  if state ~= 'c' or sub(entry, 6, 6) ~= '2' then result = '' end
  return pack('>c1c1I4c0', 't', state or '-', #result, result) .. entry
end
function kin.ask_apart(P, parent, entry, how)
  send(P, pack('>c1c1I2c0', 'l', how, #parent, parent) .. entry)
end
function kin.tell_apart(P, entry, state, result)
  send(P, end_told(entry, state, result))
end
function kin.unpin_apart(P, id, mark, pinned)
  send(P, pack('>c1c1I1c0', 'u', pinned, #mark, mark) .. id)
end
-- Returns the mark of the child in an entry.
local function entry_mark(entry)
  return (unpick('>I1c0', entry, 14))
end
-- Takes a message in. Returns the answer to one that asks for a job which has ended, or is not known.
function kin.hear(Q, message, now)
  if sub(message, 1, 1) == 't' then
    local state, result, at = unpick('>c1I4c0', message, 2)
    kin.tell_child(sub(message, at), state ~= '-' and state, result, now)
    return
  end
  if sub(message, 1, 1) == 'u' then
    local pinned, mark, at = unpick('>c1I1c0', message, 2)
    kin.unpin(Q, sub(message, at), mark, pinned == 's', now)
    return
  end
  local how, parent, at = unpick('>c1I2c0', message, 2)
  local entry, is_kept, done = sub(message, at), call('HEXISTS', Q .. 'jobs', parent) == 1, call('HGET', Q .. 'done', parent)
  local mark = entry_mark(entry)
  if is_kept and mark ~= '' then kin.pin(Q, parent, mark, done) end
  if is_kept and not done then
    if how == '2' and call('LPOS', Q .. 'c:' .. parent, entry) then return end
    return kin.await(Q, parent, entry)
  end
  if is_kept then return end_told(entry, sub(done, 1, 1), sub(done, 47)) end
  -- What it passed on then, the child still has.
  if how == '1' then return end_told(sub(entry, 1, 5) .. '0' .. sub(entry, 7), 'c', '') end
  return end_told(entry, nil, '')
end
-- Notes that there is something to carry if messages were left.
function kin.look()
  kin.has_mail = kin.has_mail or call('EXISTS', S .. 'outs') == 1
end
-- Returns a script's answer, with the note that there is something to carry if so.
function kin.sealed(answer)
  return kin.has_mail and { { ok = 'MAIL' }, answer } or answer
end
