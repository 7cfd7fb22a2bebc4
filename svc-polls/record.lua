-- record.lua - what all functions of polls share. SPDX-License-Identifier: MIT
-- Keys of one poll, all with its hash tag:
--   poll:{ID}            hash    the record; RECORD names its fields
--   poll:{ID}:key        string  32 random bytes: the key of this poll's MACs; gone when archived
--   poll:{ID}:tally      hash    HEAD's numbers, entry, master, and a count for each option id
--   poll:{ID}:u|v|w:N    hash    voter (12 bytes) -> what that voter did; see ballots.lua
--   poll:{ID}:a:DAY      hash    8 bytes of a MAC of an address prefix -> new ballots of that day
--   poll:{ID}:journal    stream  choices -> ballot ids of 10 bytes, end to end; never a voter.
--                                With '-' before the choices the ballots are taken back
--   poll:{ID}:series     hash    minute -> "option count option count ...": net new votes
--   poll:{ID}:history    list    corrections of the wording, JSON
--   poll:{ID}:watchers   hash    hub -> "how many when"
--   poll:{ID}:recount:R  hash    a recount under way
-- A record of schema 1 has no voting, cap, article, owner, codes, last and folded, and its tally no
-- marks and master; its voters stand elsewhere in the same hashes 'v', and cannot change their
-- ballots, whatever it says. migrate.lua makes it one of schema 2.
-- Across polls: polls:list:STATUS and polls:list:all (sorted sets, all scores 0, by id), polls:due
-- (id -> when it opens or closes next), polls:sweep (voters to be forgotten), polls:rewrite,
-- polls:placement.
-- The version grows with every batch of ballots and every change of state; it jumps when Redis has
-- another master, which may have lost what the last one said. The stamp is what a topic of hidden
-- results carries instead: it grows with changes of state only and never passes the version, so a
-- topic's number only grows when its results become public, and when they are hidden again.
-- A poll's tally travels as one text:
--   status results revision version stamp voters votes {option count}

local RECORD = {'status', 'results', 'revision', 'ids', 'kind', 'min', 'max', 'opens_at',
                'closes_at', 'changeable', 'created_at', 'options', 'question', 'voting', 'cap',
                'article', 'owner', 'edited', 'codes', 'last'}
local CHANGEABLE = 10 -- of RECORD
local HEAD = {'version', 'stamp', 'voters', 'votes', 'marks'}
local VERSION, STAMP, VOTERS, VOTES, MARKS = 1, 2, 3, 4, 5
local SCHEMA, JUMP = 2, 1048576
local ENDLESS = 1 / 0 -- while a library is loaded there is no math

local function name_of(id) return 'poll:{' .. id .. '}' end
local function whole(n) return string.format('%.0f', n) end

local function words(text)
    local list = {}
    for word in string.gmatch(text, '[^, ]+') do list[#list + 1] = word end
    return list
end

-- The numbers of the tally, HEAD's and then the options', with their names. The master is
-- numbers.master. marks counts all who ever voted; a tally of schema 1 has none.
local function tally_read(poll, ids)
    local names = {unpack(HEAD)}
    for i = 1, #ids do names[#HEAD + i] = ids[i] end
    names[#names + 1] = 'master'
    local values = redis.call('HMGET', poll .. ':tally', unpack(names))
    local master = table.remove(values)
    table.remove(names)
    local marks = values[MARKS]
    for i = 1, #names do values[i] = tonumber(values[i] or 0) end
    if not marks then values[MARKS] = ENDLESS end
    values.master = master
    return values, names
end

-- Of schema 1? Such a tally does not say how many ever voted.
local function is_first(values) return values[MARKS] == ENDLESS end

local function tally_text(record, ids, values)
    local out = {record[1], record[2], record[3], whole(values[VERSION]), whole(values[STAMP]),
                 whole(values[VOTERS]), whole(values[VOTES])}
    for i = 1, #ids do
        out[#out + 1] = ids[i]
        out[#out + 1] = whole(values[#HEAD + i])
    end
    return table.concat(out, ' ')
end

-- record begins with status, results, revision, ids.
local function tally_of(poll, record)
    local ids = words(record[4])
    local values = tally_read(poll, ids)
    return tally_text(record, ids, values), values
end

-- The version moves on; values are as tally_read gave them. What has to be written: {name, value…}.
local function move_on(values, master)
    local new = {}
    if values.master ~= master then
        if values.master then
            values[VERSION] = values[VERSION] + JUMP
            values[STAMP] = values[STAMP] + JUMP
            new = {'stamp', whole(values[STAMP])}
        end
        new[#new + 1] = 'master'
        new[#new + 1] = master
    end
    values[VERSION] = values[VERSION] + 1
    new[#new + 1] = 'version'
    new[#new + 1] = whole(values[VERSION])
    return new
end

-- May everybody see the results?
local function public(status, results)
    return results == 'always' or
           (results == 'after_close' and (status == 'closed' or status == 'archived'))
end

-- After a change of the record: was_public is how it was before.
local function touch(poll, was_public, master)
    local values = tally_read(poll, {})
    local new = move_on(values, master)
    new[#new + 1] = 'stamp'
    new[#new + 1] = whole(was_public and values[VERSION] or values[STAMP] + 1)
    redis.call('HSET', poll .. ':tally', unpack(new))
end

-- {record, tally}, or nil when there is no such poll.
local function look(poll)
    local record = redis.call('HMGET', poll, unpack(RECORD))
    if not record[1] then return nil end
    local text, values = tally_of(poll, record)
    if is_first(values) then record[CHANGEABLE] = '0' end
    return {record, text}
end

-- Who acts comes as "ID LOGIN", and an editor, who may change every poll, as "*ID LOGIN".
local function owns(owner, who)
    return string.sub(who, 1, 1) == '*' or owner == string.match(who, '^%w+')
end

local function log(now, who, action, id, detail)
    local actor, login = string.match(who, '^%*?(%w+) (.*)$')
    audit(now, actor or '', login or '', 'polls.' .. action, id ~= '' and 'poll:' .. id or '', detail)
end
