keep_plan(KEYS[2], fires.id, fires.record, fires.next)
if rare().noisy(KEYS[2]) then
  local was_kept = {}
  -- One that took the place of another job is taken in.
  for i = 1, #kept do was_kept[unpick('>I2', kept[i]) + 1] = sub(kept[i], 5, 5) ~= 'R' end
  for i = 1, fires.count do
    local at = last - 5 - 2 * (fires.count - i + 1)
    if not was_kept[i] then
      rare().emit(KEYS[2], 20, ARGV[at], nil, 0, rare().NOBODY, now, 's', ARGV[at + 1])
    end
  end
end
return finish('f' .. table.concat(kept))
