-- What follows is needed where limits let nobody wait: it is made only when it is called.
local function rarer()
