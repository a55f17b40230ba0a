-- Settling; its arguments stand from `at` on: sequence, slot, number of runs; for each run: place of the queue in KEYS,
-- kind, number of jobs, then for kind
--   n (completed, nothing kept), k (completed, kept by the rule): number of claims, 1 if all results are the same;
--     for each claim the claim (8 bytes) and its number of jobs; then the ids, then the results
--   s (anything): for each job id, claim, transition, number, data, report; the transitions are
--     C complete (number: how long it is kept in us, 0 not at all, -1 by the rule), R retry, F fail,
--     S snooze (number: delay in us), X cancel (number 1: data is a reason), L release,
--     W wait for others too (number: how many parents it has; data: length (4 bytes) and bytes of its new record behind the lane, all parents)
-- Reply  1 if every claim was current; else one letter for each job: A applied, S stale
-- Cost   5 commands for each run of kind n, 8 of kind k, 5 more if some of its jobs have side records, 3 more if some have deduplication
--        keys; per job one element of each; kind s, and a job that another one is blocked behind, 10 to 21 for each job
-- Completes jobs that nobody waits for: all in a few commands. `places` are those of the jobs in `acts` and among the results if they
-- are not one after the other; `sides` has by place how those stood at which an attempt had been made before, if some have side records.
local function complete(Q, kind, ids, acts, places, results, is_same, extras, sides)
  local n = #ids
  call('HDEL', Q .. 'active', unpack(ids))
  if extras and extras.groups then holding().leave(Q, ids, acts, places) end
  local number = call('HINCRBY', Q .. 'meta', 'x', n)
  if sides then ending().free_keys(Q, sides.freed) end
  if kind == 'n' then
    if sides then ending().erase_notes(Q, ids) end
    return call('HDEL', Q .. 'jobs', unpack(ids))
  end
  local head, tail, fronts, fields = pack('>c1I7I4I4', 'c', time(), 1, 0), pack('>I7', number), {}, {}
  if is_same then tail = tail .. ARGV[results] end
  for i = 1, n do
    local place = places and places[i] or i
    local act, side = acts[place], sides and sides[place]
    local front = not side and fronts[act]
    if side then
      front = pack('>c1I7I4I4', 'c', time(), side.attempt + 1, side.crashes) .. sub(act, 1, 23) .. tail
    elseif not front then
      front = head .. sub(act, 1, 23) .. tail
      fronts[act] = front
    end
    fields[2 * i - 1] = ids[i]
    fields[2 * i] = is_same and front or front .. ARGV[results + place - 1]
  end
  call('HSET', Q .. 'done', unpack(fields))
  local kept = call('RPUSH', Q .. 'lc', unpack(ids))
  local most = tonumber(call('HGET', S .. 'limits', 'ended') or 10000)
  if kept <= most then return end
  if extras and extras.tombs then return rare().trim(Q, 'lc', most, 2 * n) end
  local oldest = call('LPOP', Q .. 'lc', math.min(kept - most, 2 * n))
  call('HDEL', Q .. 'jobs', unpack(oldest))
  call('HDEL', Q .. 'done', unpack(oldest))
  if extras and extras.side then ending().erase_notes(Q, oldest) end
end

-- Returns the answer, and what to recall it by unless it was recalled.
local function settle(at)
  local mark, is_first = ARGV[at] .. ':', nil
  -- Returns the answer that was given before. A settle of which any claim is current was never carried out.
  local function recalled()
    if is_first then return nil end
    is_first = true
    local known = call('HGET', S .. 'r' .. ARGV[2], ARGV[at + 1])
    return known and sub(known, 1, #mark) == mark and sub(known, #mark + 1)
  end
  local settled, stale = 0, nil
  local function answered(is_current)
    settled = settled + 1
    if not is_current then
      stale = stale or {}
      stale[settled] = true
    end
  end
  -- Settles a run of kind n or k whose arguments begin at `from`. Returns where they end, or an answer that was given before.
  local function run(Q, kind, count, from)
    local claims, is_same = tonumber(ARGV[from]), ARGV[from + 1] == '1'
    local first = from + 2 + 2 * claims
    local results = first + count
    local acts, is_current, i, is_slow, has_side = call('HMGET', Q .. 'active', unpack(ARGV, first, results - 1)), true, 0, nil, nil
    for c = from + 2, first - 1, 2 do
      local own_claim, seen = ARGV[c], nil
      for _ = 1, tonumber(ARGV[c + 1]) do
        i = i + 1
        local act = acts[i]
        if act ~= seen then
          if not act or sub(act, 24, 31) ~= own_claim then
            acts[i], is_current = false, false
          elseif byte(act, 32) == 104 then
            has_side = has_side or {}
            has_side[#has_side + 1] = i
          else
            seen = act
          end
        end
      end
    end
    local known = not is_current and recalled()
    if known then return nil, known end
    is_first = true
    local extras = special(Q)
    if extras and extras.marks then is_slow = rare().marked(Q, first, count, is_slow or {}) end
    local sides
    if has_side then sides, is_slow = ending().sides_to_complete(Q, first, has_side, is_slow) end
    if is_current and not is_slow then
      complete(Q, kind, { unpack(ARGV, first, results - 1) }, acts, nil, results, is_same, extras, sides)
      settled = settled + count
    else
      local ids, places = {}, {}
      i = 0
      for c = from + 2, first - 1, 2 do
        for _ = 1, tonumber(ARGV[c + 1]) do
          i = i + 1
          if acts[i] and not (is_slow and is_slow[i]) then
            ids[#ids + 1], places[#places + 1] = ARGV[first + i - 1], i
            answered(true)
          else
            local result = ARGV[is_same and results or results + i - 1]
            local keep = kind == 'n' and '0' or '-1'
            answered(rare().slow(Q, ARGV[first + i - 1], ARGV[c], 'C', keep, result, ''))
            specials[Q] = nil
          end
        end
      end
      if #ids > 0 then complete(Q, kind, ids, acts, places, results, is_same, extras, sides) end
    end
    return results + (is_same and 1 or count)
  end

  local runs, next_at = tonumber(ARGV[at + 2]), at + 3
  for _ = 1, runs do
    local Q, kind, count = KEYS[tonumber(ARGV[next_at])], ARGV[next_at + 1], tonumber(ARGV[next_at + 2])
    next_at = next_at + 3
    local known
    if kind == 's' then
      local slow = rare().slow
      specials[Q] = nil
      known = recalled()
      if known then return known == '' and 1 or known end
      for _ = 1, count do
        answered(slow(Q, unpack(ARGV, next_at, next_at + 5)))
        next_at = next_at + 6
      end
    else
      next_at, known = run(Q, kind, count, next_at)
      if known then return known == '' and 1 or known end
    end
  end
  local letters = ''
  if stale then
    letters = {}
    for i = 1, settled do letters[i] = stale[i] and 'S' or 'A' end
    letters = table.concat(letters)
  end
  return stale and letters or 1, mark .. letters
end
