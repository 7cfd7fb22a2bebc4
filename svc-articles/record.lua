-- record.lua - what all functions of articles share. SPDX-License-Identifier: MIT
-- articles_store.h lists the keys. An article is shown from pieces of ready JSON that C rendered: head
-- and tail around what is decided here (slug, status, revision) and what may change elsewhere (the
-- contributors' names, other translations, whether comments are open). A shown text is "REVISION
-- RENDERING {json" without its closing brace. Bodies stand apart.
-- Fields of the record, schema 2, each a text and '' where there is none:
--   revision    grows with every accepted save; rendering with every showing of the same revision
--   status      draft scheduled published archived deleted
--   when        13 digits: published_at, or publish_at of a scheduled one; ends: unpublish_at
--   close       when comments close; policy: open closed days
--   slugs       former slugs that still lead here, oldest first
--   handles, tags, section, language   what it is listed under; tags and section folded
--   group       the translation group: an article's id; '' stands for its own
--   owner       account that made it
--   live, edit  revisions that hold the text as it is, and the pending edit
--   deleted     when it went into the bin
-- Schema 1 has open in place of policy, actor in place of owner, and none of slugs, section, ends,
-- close, group, live, edit; its tail ends with comments_open.

local SCHEMA, STEP = '2', 64
local BIN_MS = 30 * 86400000
local SLUGS_MAX, GROUP_MAX, REVISIONS_MAX, AUTOSAVES_MAX = 32, 32, 500, 64
local STORED = {'revision', 'rendering', 'status', 'slug', 'slugs', 'when', 'when_text', 'ends',
                'ends_text', 'close', 'close_text', 'head', 'tail', 'title', 'policy', 'handles', 'tags',
                'section', 'language', 'group', 'owner', 'live', 'edit', 'deleted', 'open'}
local FIELDS = {'schema', 'actor'}
for i = 1, #STORED do FIELDS[i + 2] = STORED[i] end -- while a library is loaded there is no unpack
local TAIL_1 = ',"comments_open":%a+$'
local LACKS_1 = ',"section":null,"hero":null,"excerpt":null,"reading_minutes":1,"comments_policy":"%s",' ..
    '"comments_days":null'

local function whole(n) return string.format('%.0f', n) end
local function article_key(id, part) return 'article:{' .. id .. '}' .. part end
local function contributor_key(handle, part) return 'contributor:{' .. handle .. '}' .. part end
local function is_public(status) return status == 'published' or status == 'archived' end

-- A record of schema 1 as one of schema 2; it is written as such with its next change.
local function from_1(r)
    r.owner, r.policy = r.actor, r.open == '0' and 'closed' or 'open'
    r.language = string.lower(string.match(r.tail, '"language":"([^"]+)"') or '')
    if string.find(r.tail, TAIL_1) then
        r.tail = string.gsub(r.tail, TAIL_1, '') .. string.format(LACKS_1, r.policy)
    end
end

local function record(id)
    local values = redis.call('HMGET', article_key(id, ''), unpack(FIELDS))
    if not values[1] then return nil end
    local r = {}
    for i, name in ipairs(FIELDS) do r[name] = values[i] or '' end
    if r.schema == '1' then from_1(r) end
    return r
end

local function copy(r)
    local other = {}
    for name, value in pairs(r) do other[name] = value end
    return other
end

-- Of an id (26 capitals and digits) or a slug, which may be a former one.
local function id_of(name)
    if #name == 26 and string.find(name, '^[%u%d]+$') then return name end
    return redis.call('GET', 'article:slug:' .. name) or ''
end

-- May this account change it? Editors come as ''.
local function owns(r, actor, handle)
    return actor == '' or r.owner == actor or
           (handle ~= '' and string.find(' ' .. r.handles .. ' ', ' ' .. handle .. ' ', 1, true) ~= nil)
end

-- Why a change of it is refused, or nil. expect: a revision, or '*'.
local function refuse(id, r, expect, actor, handle)
    if not r then return {'missing'} end
    if not owns(r, actor, handle) then return {'denied'} end
    if expect ~= '*' and expect ~= r.revision then return {'stale', id} end
end

-- -- showing -------------------------------------------------------------------------------------

local function contributors(handles)
    local out = {}
    for handle in string.gmatch(handles, '%S+') do
        local name = redis.call('HGET', contributor_key(handle, ''), 'name')
        if name then
            out[#out + 1] = '{"handle":"' .. handle .. '","display_name":' .. name .. '}'
        end
    end
    return '[' .. table.concat(out, ',') .. ']'
end

local function time_or_null(yes, text) return yes and text ~= '' and '"' .. text .. '"' or 'null' end

-- The others of a group: its articles, and the one that it is named after unless that has left.
local function siblings(id, group)
    local ids, own = redis.call('ZRANGE', 'articles:group:' .. group, 0, GROUP_MAX - 1), {}
    for _, other in ipairs(ids) do if other ~= id then own[#own + 1] = other end end
    if group == id then return own end
    local head = redis.call('HMGET', article_key(group, ''), 'status', 'group')
    if head[1] and (head[2] or '') == '' then own[#own + 1] = group end
    return own
end

local function group_of(id, r) return r.group ~= '' and r.group or id end

local function translations(id, r)
    local out = {}
    for _, other in ipairs(siblings(id, group_of(id, r))) do
        local its = redis.call('HMGET', article_key(other, ''), 'status', 'slug', 'language')
        if its[1] and is_public(its[1]) then
            out[#out + 1] = '{"id":"' .. other .. '","slug":"' .. its[2] .. '","language":"' .. (its[3] or '') .. '"}'
        end
    end
    return '[' .. table.concat(out, ',') .. ']'
end

local function is_open(r, now)
    if r.status == 'archived' or r.status == 'deleted' or r.policy == 'closed' then return false end
    return r.close == '' or now < tonumber(r.close)
end

local function text_of(id, r, now)
    local public = is_public(r.status)
    return table.concat{r.revision, ' ', r.rendering, ' {"id":"', id, '","slug":"', r.slug, '"', r.head,
        ',"contributors":', contributors(r.handles), ',"status":"', r.status,
        '","published_at":', time_or_null(public, r.when_text),
        ',"publish_at":', time_or_null(r.status == 'scheduled', r.when_text),
        ',"unpublish_at":', time_or_null(true, r.ends_text), r.tail,
        ',"comments_open":', is_open(r, now) and 'true' or 'false',
        ',"comments_close_at":', time_or_null(true, r.close_text),
        ',"translation_group":', time_or_null(true, r.group), ',"translations":', translations(id, r),
        ',"revision":', r.revision}
end

-- What a change of its status means to others.
local function kind_of(id, status)
    local was = string.match(redis.call('GET', 'fact:article:' .. id) or '', '^%d+ (%a+)') or ''
    if was ~= status and status == 'deleted' then return 'article.deleted' end
    if is_public(was) == is_public(status) then return 'article.updated' end
    return is_public(status) and 'article.published' or 'article.unpublished'
end

-- Writes what readers and other services get to know of it.
local function show(id, r, now)
    local public = is_public(r.status)
    r.open = is_open(r, now) and '1' or '0'
    redis.call('SET', article_key(id, public and ':public' or ':draft'), text_of(id, r, now))
    redis.call('DEL', article_key(id, public and ':draft' or ':public'))
    tell(kind_of(id, r.status), 'fact:article:', id, r.revision,
        r.revision .. ' ' .. r.status .. ' ' .. r.open .. ' ' .. r.slug .. ' ' .. r.title, now)
end

-- The same revision, to be shown anew.
local function show_again(id, r, now)
    r.rendering = tostring(r.rendering + 1)
    show(id, r, now)
    redis.call('HSET', article_key(id, ''), 'rendering', r.rendering, 'open', r.open)
end

-- -- lists ---------------------------------------------------------------------------------------

-- What a published article is listed under: {key, set of names, name}; names are of tags and sections.
local function lists_of(r)
    local lists = {{'articles:published'}}
    for tag in string.gmatch(r.tags, '[^\n]+') do
        lists[#lists + 1] = {'articles:tag:' .. tag, 'tags', tag}
    end
    if r.section ~= '' then
        lists[#lists + 1] = {'articles:section:' .. r.section, 'articles:sections', r.section}
    end
    for handle in string.gmatch(r.handles, '%S+') do lists[#lists + 1] = {'articles:by:' .. handle} end
    if r.language ~= '' then lists[#lists + 1] = {'articles:language:' .. r.language} end
    local primary = string.match(r.language, '^(%a+)%-')
    if primary then lists[#lists + 1] = {'articles:language:' .. primary} end
    return lists
end

local function list(id, r)
    for _, each in ipairs(lists_of(r)) do
        if redis.call('ZADD', each[1], 0, r.when .. id) == 1 and each[2] and
           redis.call('HINCRBY', each[2] .. ':counts', each[3], 1) == 1 then
            redis.call('ZADD', each[2], 0, each[3])
        end
    end
end

local function unlist(id, r)
    for _, each in ipairs(lists_of(r)) do
        if redis.call('ZREM', each[1], r.when .. id) == 1 and each[2] and
           redis.call('HINCRBY', each[2] .. ':counts', each[3], -1) < 1 then
            redis.call('ZREM', each[2], each[3])
            redis.call('HDEL', each[2] .. ':counts', each[3])
        end
    end
end

-- When something is to happen to it next.
local function set_due(id, r, now)
    local at
    if r.status == 'scheduled' then
        at = tonumber(r.when)
    elseif r.status == 'deleted' then
        at = tonumber(r.deleted) + BIN_MS
    elseif r.status == 'published' then
        at = tonumber(r.ends)
        local close = tonumber(r.close)
        if close and close > now and (not at or close < at) then at = close end
    end
    if at then redis.call('ZADD', 'articles:due', whole(at), id) else redis.call('ZREM', 'articles:due', id) end
end

-- Whose article it is, and of which group.
local function belong(id, old, r)
    for handle in string.gmatch(old and old.handles or '', '%S+') do
        redis.call('ZREM', contributor_key(handle, ':articles'), id)
    end
    for handle in string.gmatch(r.handles, '%S+') do
        redis.call('ZADD', contributor_key(handle, ':articles'), 0, id)
    end
    if r.owner ~= '' then redis.call('ZADD', 'articles:owner:' .. r.owner, 0, id) end
    if old and old.group ~= '' then redis.call('ZREM', 'articles:group:' .. old.group, id) end
    if r.group ~= '' then redis.call('ZADD', 'articles:group:' .. r.group, 0, id) end
end

-- Other translations name this one, so they are shown again when that changes.
local function tell_siblings(id, old, r, now)
    if old and old.slug == r.slug and old.language == r.language and old.group == r.group and
       is_public(old.status) == is_public(r.status) then return end
    local groups = {[group_of(id, r)] = true}
    if old then groups[group_of(id, old)] = true end
    for group in pairs(groups) do
        for _, other in ipairs(siblings(id, group)) do
            local its = record(other)
            if its then show_again(other, its, now) end
        end
    end
end

local function log(now, by, login, what, id, detail)
    audit(now, by, login, 'articles.' .. what, 'article:' .. id, detail)
end

-- -- revisions -----------------------------------------------------------------------------------

-- Forgets a revision that is too old, unless it is the first, or the text as it is, or the edit.
local function forget(id, r, n)
    if not n or n < 2 or n > r.revision - REVISIONS_MAX or n == tonumber(r.live) or n == tonumber(r.edit) then return end
    redis.call('HDEL', article_key(id, ':revisions'), 'm' .. whole(n), 'd' .. whole(n))
end

-- The next revision. packed: its text; nil: as it is. by, login: who, '' when nobody did. edit: it is
-- the pending edit, not the text as it is.
local function next_revision(id, r, now, what, by, login, packed, edit)
    local key, before = article_key(id, ':revisions'), tonumber(edit and r.edit or r.live)
    packed = packed or redis.call('HGET', key, 'd' .. r.live)
    r.revision = whole(r.revision + 1)
    redis.call('HSET', key, 'm' .. r.revision, table.concat({whole(now), by, login, what, r.title}, '\n'))
    if packed then
        redis.call('HSET', key, 'd' .. r.revision, packed)
        r[edit and 'edit' or 'live'] = r.revision
    end
    forget(id, r, r.revision - REVISIONS_MAX)
    forget(id, r, before)
end

-- A record of schema 1 had no revisions: what it was before its first change becomes one.
local function first_revision(id, r, packed, now)
    if r.live ~= '' or packed == '' then return end
    local meta = table.concat({whole(now), r.owner, '', 'created', r.title}, '\n')
    redis.call('HSET', article_key(id, ':revisions'), 'm' .. r.revision, meta, 'd' .. r.revision, packed)
    r.live = r.revision
end

-- -- all of it -----------------------------------------------------------------------------------

-- Writes the record and all that follows from it; old is what it was, nil of a new one.
local function settle(id, old, r, now)
    if old and old.status == 'published' then unlist(id, old) end
    if r.status == 'published' then
        list(id, r)
    elseif old and old.status == 'published' then
        redis.call('ZREM', 'articles:read', id)
        redis.call('ZREM', 'articles:commented', id)
    end
    if old and old.status ~= r.status then redis.call('ZREM', 'articles:status:' .. old.status, id) end
    redis.call('ZADD', 'articles:status:' .. r.status, 0, id)
    belong(id, old, r)
    if old and old.edit ~= r.edit then forget(id, r, tonumber(old.edit)) end
    set_due(id, r, now)
    show(id, r, now)
    local values = {'schema', SCHEMA}
    for _, name in ipairs(STORED) do
        values[#values + 1] = name
        values[#values + 1] = r[name] or ''
    end
    redis.call('HSET', article_key(id, ''), unpack(values))
    tell_siblings(id, old, r, now)
end
