-- cast.lua - wrk's requests for ballots: each by a new voter. wrk URL -s cast.lua -- SEED OPTIONS
-- SPDX-License-Identifier: MIT
local n, seed, options = 0, '', 1

function init(args)
    seed, options = args[1], tonumber(args[2])
    wrk.method = 'POST'
    wrk.headers['Content-Type'] = 'application/json'
end

function request()
    n = n + 1
    wrk.headers['Idempotency-Key'] = seed .. '-' .. n
    return wrk.format(nil, nil, nil, '{"choices":["' .. (n % options + 1) .. '"]}')
end
