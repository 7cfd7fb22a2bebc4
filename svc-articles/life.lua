-- life.lua - articles made, changed, published, withdrawn and deleted. SPDX-License-Identifier: MIT

local DUE_AT_ONCE = 32

-- From which status to which a change may lead. Into the bin and out of it only move() leads.
local MOVES = {
    new = {draft = true, scheduled = true, published = true},
    draft = {draft = true, scheduled = true, published = true},
    scheduled = {scheduled = true, draft = true, published = true},
    published = {published = true, draft = true, archived = true},
    archived = {archived = true, published = true, draft = true},
    deleted = {},
}

local function free_slug(slug, given, id)
    local function taken(s)
        local owner = redis.call('GET', 'article:slug:' .. s)
        return owner and owner ~= id
    end
    if not taken(slug) then return slug end
    if given then return nil end
    for n = 2, 50 do
        if not taken(slug .. '-' .. n) then return slug .. '-' .. n end
    end
    return slug .. '-' .. string.lower(string.sub(id, -10))
end

-- The position of the first handle that is nobody's, or nil.
local function missing(handles)
    local n = 0
    for handle in string.gmatch(handles, '%S+') do
        if redis.call('EXISTS', contributor_key(handle, '')) == 0 then return n end
        n = n + 1
    end
    return nil
end

-- What a former slug leads to stays; of too many the oldest goes.
local function keep_slug(id, old, r)
    redis.call('SET', 'article:slug:' .. r.slug, id)
    if not old or old.slug == r.slug then return end
    local slugs = {}
    for slug in string.gmatch(old.slugs .. ' ' .. old.slug, '%S+') do
        if slug ~= r.slug then slugs[#slugs + 1] = slug end
    end
    if #slugs > SLUGS_MAX then redis.call('DEL', 'article:slug:' .. table.remove(slugs, 1)) end
    r.slugs = table.concat(slugs, ' ')
end

-- The group that is meant by an article's id: its own one, if that article is in one.
local function find_group(id, r)
    if r.group == '' then return true end
    local its = redis.call('HGET', article_key(r.group, ''), 'group')
    if its and its ~= '' then r.group = its end
    if r.group == id then r.group = '' end
    return r.group == '' or redis.call('ZSCORE', 'articles:group:' .. r.group, id) or
           redis.call('ZCARD', 'articles:group:' .. r.group) < GROUP_MAX
end

local function name_them(kind, folded, shown)
    local names = string.gmatch(shown, '[^\n]+')
    for each in string.gmatch(folded, '[^\n]+') do
        redis.call('HSET', kind .. ':names', each, names())
    end
end

-- Why r cannot be in place of old, or nil; sets r.slug and r.group.
local function refuse_save(id, old, r, given)
    local from = old and old.status or 'new'
    if not MOVES[from][r.status] then return {'move', from} end
    local nobody = missing(r.handles)
    if nobody then return {'contributor', tostring(nobody)} end
    r.slug = free_slug(r.slug, given, id)
    if not r.slug then return {'slug'} end
    if not find_group(id, r) then return {'group'} end
end

-- After once(): id, revision ('' of a new one), actor, handle, by, login, what, '1' if the slug was
-- asked for, '1' if it is the pending edit that is published, packed text of before (for a record of
-- schema 1), packed text, body, Markdown, tags and section as written; then field and value in turn.
redis.register_function('@{save}', function(K, A)
    return once(K, A, function(now)
        local id, expect, actor, handle, by, login, what, given, edit, before, packed, body, markdown, tags,
            section = unpack(A, 3, 17)
        local old = expect ~= '' and record(id) or nil
        local refused = expect ~= '' and refuse(id, old, expect, actor, handle)
        if refused then return refused end
        if edit == '1' and old.edit == '' then return {'no-edit'} end
        local r = old and copy(old) or {revision = '0', rendering = '0', owner = by, slugs = '', live = '',
                                        edit = '', deleted = ''}
        for i = 18, #A, 2 do r[A[i]] = A[i + 1] end
        refused = refuse_save(id, old, r, given == '1')
        if refused then return refused end
        if old then first_revision(id, r, before, now) end
        if edit == '1' then r.edit = '' end
        next_revision(id, r, now, what, by, login, packed)
        keep_slug(id, old, r)
        name_them('tags', r.tags, tags)
        name_them('articles:sections', r.section, section)
        redis.call('SET', article_key(id, ':body'), body)
        redis.call('HSET', article_key(id, ''), 'markdown', markdown)
        redis.call('HDEL', article_key(id, ':autosave'), by)
        settle(id, old, r, now)
        log(now, by, login, what, id, old and old.status ~= r.status and r.status or '')
        return {'saved', id}, true
    end)
end)

-- After once(): id, revision, actor, handle, by, login, packed text of before, packed text: the pending
-- edit. What readers see stays as it is.
redis.register_function('@{stash}', function(K, A)
    return once(K, A, function(now)
        local id, expect, actor, handle, by, login, before, packed = unpack(A, 3)
        local r = record(id)
        local refused = refuse(id, r, expect, actor, handle)
        if refused then return refused end
        if r.status == 'deleted' then return {'move', r.status} end
        local old = copy(r)
        first_revision(id, r, before, now)
        next_revision(id, r, now, 'edit', by, login, packed, true)
        redis.call('HDEL', article_key(id, ':autosave'), by)
        settle(id, old, r, now)
        log(now, by, login, 'edit', id, '')
        return {'saved', id}, true
    end)
end)

-- Into the bin, out of it, or without its pending edit: why not, or nil. Changes r.
local ACTS = {
    deleted = function(id, r, now)
        if r.status == 'deleted' then return {'same', id} end
        r.status, r.deleted = 'deleted', whole(now)
    end,
    undeleted = function(_, r) -- a draft, so that nothing is published that nobody looked at
        if r.status ~= 'deleted' then return {'move', r.status} end
        r.status, r.deleted, r.ends, r.ends_text = 'draft', '', '', ''
    end,
    discarded = function(_, r)
        if r.edit == '' then return {'no-edit'} end
        r.edit = ''
    end,
}

-- After once(): id or slug, revision or '*', actor, handle, by, login, one of ACTS.
redis.register_function('@{move}', function(K, A)
    return once(K, A, function(now)
        local name, expect, actor, handle, by, login, what = unpack(A, 3)
        local id = id_of(name)
        local r = record(id)
        local refused = refuse(id, r, expect, actor, handle)
        if refused then return refused end
        local old = copy(r)
        refused = ACTS[what](id, r, now)
        if refused then return refused end
        next_revision(id, r, now, what, by, login)
        settle(id, old, r, now)
        log(now, by, login, what, id, r.title)
        return {'moved', id}, true
    end)
end)

-- Id or slug, actor, handle, account, packed text or '' : its slot of that account is filled, or
-- emptied.
redis.register_function('@{autosave}', function(K, A)
    local name, actor, handle, account, packed = unpack(A)
    local id, now = id_of(name), now_ms()
    local r = record(id)
    local refused = refuse(id, r, '*', actor, handle)
    if refused then return refused end
    local key = article_key(id, ':autosave')
    if packed == '' then
        redis.call('HDEL', key, account)
    elseif redis.call('HEXISTS', key, account) == 0 and redis.call('HLEN', key) >= AUTOSAVES_MAX then
        return {'full'}
    else
        redis.call('HSET', key, account, whole(now) .. '\n' .. r.revision .. '\n' .. packed)
    end
    return {'kept'}
end)

-- -- reading for editors -------------------------------------------------------------------------

-- Metas of at most `limit` revisions before `from` ('' : the newest), and where to go on, or ''.
local function history(id, r, from, limit)
    local key, out, n = article_key(id, ':revisions'), {''}, from == '' and tonumber(r.revision) or from - 1
    while n > 0 do
        local low, names = math.max(1, n - 99), {}
        for i = n, low, -1 do names[#names + 1] = 'm' .. i end
        for i, meta in ipairs(redis.call('HMGET', key, unpack(names))) do
            if meta and #out > limit then
                out[1] = string.match(out[#out], '^%d+')
                return out
            end
            if meta then out[#out + 1] = (n - i + 1) .. '\n' .. meta end
        end
        n = low - 1
    end
    return out
end

local EXTRAS = {
    plain = function() return {} end,
    live = function(id, r) return {redis.call('HGET', article_key(id, ':revisions'), 'd' .. r.live) or ''} end,
    edit = function(id, r)
        return redis.call('HMGET', article_key(id, ':revisions'), 'd' .. r.edit, 'm' .. r.edit)
    end,
    revisions = function(id, _, a, b) -- of two revisions: text and meta of each
        return redis.call('HMGET', article_key(id, ':revisions'), 'd' .. a, 'm' .. a, 'd' .. b, 'm' .. b)
    end,
    history = function(id, r, from, limit) return history(id, r, from, tonumber(limit)) end,
    autosave = function(id, _, account)
        return {redis.call('HGET', article_key(id, ':autosave'), account) or ''}
    end,
}

-- Id or slug, one of EXTRAS and what it asks for. {} or {id, values of OPENED…, markdown, extra…}.
local OPENED = {'revision', 'status', 'slug', 'when', 'ends', 'head', 'tail', 'handles', 'owner', 'group',
                'edit', 'live'}
redis.register_function{function_name = '@{open}', flags = {'no-writes'}, callback = function(K, A)
    local id = id_of(A[1])
    local r = record(id)
    if not r then return {} end
    local out = {id}
    for _, name in ipairs(OPENED) do out[#out + 1] = r[name] end
    out[#out + 1] = redis.call('HGET', article_key(id, ''), 'markdown') or ''
    for _, each in ipairs(EXTRAS[A[2]](id, r, A[3], A[4])) do out[#out + 1] = each or '' end
    return out
end}

-- Id, then field and value in turn: as it would be shown with these. '' if it is not there.
redis.register_function{function_name = '@{preview}', flags = {'no-writes'}, callback = function(K, A)
    local r = record(A[1])
    if not r then return '' end
    for i = 2, #A, 2 do r[A[i]] = A[i + 1] end
    return text_of(A[1], r, now_ms())
end}

-- -- what is due ---------------------------------------------------------------------------------

-- Deleted for good. What stays is its fact, which says so.
local function purge(id, r, now)
    local old = copy(r)
    for slug in string.gmatch(r.slugs .. ' ' .. r.slug, '%S+') do
        if redis.call('GET', 'article:slug:' .. slug) == id then redis.call('DEL', 'article:slug:' .. slug) end
    end
    for handle in string.gmatch(r.handles, '%S+') do
        redis.call('ZREM', contributor_key(handle, ':articles'), id)
    end
    if r.owner ~= '' then redis.call('ZREM', 'articles:owner:' .. r.owner, id) end
    if r.group ~= '' then redis.call('ZREM', 'articles:group:' .. r.group, id) end
    redis.call('ZREM', 'articles:status:' .. r.status, id)
    redis.call('ZREM', 'articles:due', id)
    redis.call('UNLINK', article_key(id, ''), article_key(id, ':public'), article_key(id, ':draft'),
        article_key(id, ':body'), article_key(id, ':revisions'), article_key(id, ':autosave'))
    tell('article.deleted', 'fact:article:', id, r.revision, r.revision .. ' gone 0 - ', now)
    r.slug = ''
    tell_siblings(id, old, r, now)
end

local function move_due(id, r, now)
    local old, what = copy(r), nil
    if r.status == 'deleted' and now >= r.deleted + BIN_MS then return purge(id, r, now) end
    if r.status == 'scheduled' and now >= tonumber(r.when) then r.status, what = 'published', 'published' end
    if r.status == 'published' and r.ends ~= '' and now >= tonumber(r.ends) then
        r.status, r.ends, r.ends_text, what = 'draft', '', '', 'unpublished'
    end
    if not what then -- its comments close
        show_again(id, r, now)
        return set_due(id, r, now)
    end
    next_revision(id, r, now, what, '', '')
    settle(id, old, r, now)
end

-- Asked for by every instance all the time: what is due, and shown texts with a contributor's old name.
-- Returns 1 when more is due already.
redis.register_function('@{tick}', function(K, A)
    local now = now_ms()
    local due = redis.call('ZRANGE', 'articles:due', '-inf', whole(now), 'BYSCORE', 'LIMIT', 0, DUE_AT_ONCE)
    for _, id in ipairs(due) do
        local r = record(id)
        if r then move_due(id, r, now) else redis.call('ZREM', 'articles:due', id) end
    end
    local renamed = redis.call('ZRANGE', 'contributors:renamed', 0, 0)
    if renamed[1] then rename_step(renamed[1]) end
    return #due == DUE_AT_ONCE and 1 or 0
end)
