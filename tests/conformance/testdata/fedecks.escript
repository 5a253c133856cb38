#!/usr/bin/env escript
%% Fedecks as Erlang itself speaks it, with nothing but OTP: terms by term_to_binary, tokens as plug_crypto makes them. Every step is a match, so
%% that a difference is a crash with what came.
%%
%%   escript fedecks.escript device PORT     logs in, talks, comes back
%%   escript fedecks.escript server          prints its port, then takes one device through its life
-mode(compile).

-define(PATH, "/fedecks/websocket").
-define(SECRET, <<"a secret">>).
-define(SALT, <<"a salt">>).
-define(DEVICE, <<"dev-erl">>).
-define(AAD, <<"A128GCM">>).
-define(WAIT, 20000).

main(["device", Port]) -> device(list_to_integer(Port));
main(["server"]) -> server().

%% All kinds of terms that travel.
terms() ->
    [0, 255, 256, -1, 1 bsl 31, -(1 bsl 63), 1 bsl 64, -(1 bsl 2100), 1.5, -0.0, 1.0e300, nil, true, '', 'é', '日本', <<>>, <<"x">>, <<5:3>>,
     <<0:560000>>, [], "text", lists:seq(1, 300), [256, {}], [1 | 2], [a, b | <<"c">>], {}, {ok, <<"x">>}, list_to_tuple(lists:seq(1, 300)), #{},
     #{<<"a">> => #{b => [1, 2.0]}, 1 => 2, 1.0 => 3, [] => {}}, maps:from_list([{I, -I} || I <- lists:seq(1, 40)]), self(), make_ref()].

%% A device, against our server.
device(Port) ->
    {403, _, <<>>} = upgrade(Port, credentials(<<"wrong">>)),
    {101, S, <<>>} = upgrade(Port, credentials(<<"right">>)),
    Token = ask_token(S),
    {?DEVICE, Made, 2419200} = open(Token),
    true = abs(Made - erlang:system_time(millisecond)) < 60000,
    [begin send(S, 2, term_to_binary(T)), {echo, T} = binary_to_term(binary(S)) end || T <- terms()],
    [begin send(S, 2, term_to_binary(T, [compressed])), {echo, T} = binary_to_term(binary(S)) end || T <- terms()],
    send(S, 2, <<"raw">>),
    {raw, <<"raw">>} = binary_to_term(binary(S)),
    send(S, 1, <<"text is not for us">>),
    send(S, 9, ?DEVICE),
    {10, ?DEVICE} = frame(S),
    send(S, 8, <<1000:16>>),
    {8, <<1000:16>>} = frame(S),
    {101, Back, <<>>} = upgrade(Port, token(Token)),
    gen_tcp:close(Back), % as the original goes
    Now = erlang:system_time(millisecond),
    {101, Ours, <<>>} = upgrade(Port, token(seal({?DEVICE, Now, 2419200}))),
    ask_token(Ours),
    {403, _, <<>>} = upgrade(Port, token(seal({?DEVICE, Now - 1001, 1}))),
    {403, _, <<>>} = upgrade(Port, token(seal({<<"other">>, Now, 60}))),
    {403, _, <<>>} = upgrade(Port, token(<<Token/binary, "A">>)),
    {403, _, <<>>} = upgrade(Port, token(1)).

credentials(Word) -> #{<<"fedecks-device-id">> => ?DEVICE, <<"username">> => <<"bob">>, <<"password">> => Word}.

token(T) -> #{<<"fedecks-device-id">> => ?DEVICE, <<"fedecks-token">> => T}.

ask_token(S) ->
    send(S, 2, <<131, 107, 12:16, "token_please">>),
    {"token", Token} = binary_to_term(binary(S)),
    Token.

upgrade(Port, Auth) ->
    {ok, S} = gen_tcp:connect("127.0.0.1", Port, [binary, {active, false}, {packet, http_bin}]),
    Key = base64:encode(crypto:strong_rand_bytes(16)),
    ok = gen_tcp:send(S, ["GET ", ?PATH, " HTTP/1.1\r\nhost: 127.0.0.1:", integer_to_list(Port), "\r\nuser-agent: mint/1.7.1\r\nupgrade: websocket\r\n",
        "connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ", Key, "\r\nx-fedecks-auth: ", base64:encode(term_to_binary(Auth)), "\r\n\r\n"]),
    {ok, {http_response, {1, 1}, Status, _}} = gen_tcp:recv(S, 0, ?WAIT),
    Headers = headers(S),
    ok = inet:setopts(S, [{packet, raw}]),
    case Status of
        101 ->
            Accept = accept(Key),
            #{<<"sec-websocket-accept">> := Accept, <<"upgrade">> := <<"websocket">>} = Headers,
            put({masks, S}, true),
            {101, S, <<>>};
        _ ->
            #{<<"content-length">> := <<"0">>} = Headers,
            {Status, S, <<>>}
    end.

%% A server, for our device.
server() ->
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {packet, http_bin}, {ip, {127, 0, 0, 1}}, {reuseaddr, true}]),
    {ok, Port} = inet:port(L),
    io:format("~b~n", [Port]),
    {Refused, _, Wrong} = request(L),
    Wrong = credentials(<<"wrong">>),
    ok = gen_tcp:send(Refused, forbidden()),
    {First, Key, Right} = request(L),
    Right = credentials(<<"right">>),
    ok = gen_tcp:send(First, [switching(Key), data(2, term_to_binary(welcome), <<>>)]), % in one piece
    <<131, 107, 12:16, "token_please">> = binary(First),
    Token = seal({?DEVICE, erlang:system_time(millisecond), 2419200}),
    send(First, 2, term_to_binary({"token", Token})),
    Terms = terms(),
    send(First, 2, term_to_binary(Terms)),
    send(First, 2, term_to_binary(Terms, [compressed])),
    echo(First),
    send(First, 8, <<1012:16>>),
    <<1012:16>> = closed(First),
    gen_tcp:close(First),
    {Second, Key2, Back} = request(L),
    Back = token(Token),
    ok = gen_tcp:send(Second, switching(Key2)),
    <<131, 107, 12:16, "token_please">> = binary(Second),
    gen_tcp:close(Second), % as when it is killed
    {Third, _, Back} = request(L),
    ok = gen_tcp:send(Third, forbidden()),
    {error, closed} = gen_tcp:recv(Third, 0, ?WAIT).

%% The answer to a close; a ping may have been on its way.
closed(S) ->
    case frame(S) of
        {9, _} -> closed(S);
        {8, Data} -> Data
    end.

forbidden() -> "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".

%% What comes goes back, the atom wait after two pings, until the atom bye. How our device wrote a term is how Erlang writes it.
echo(S) ->
    case frame(S) of
        {9, ?DEVICE} -> send(S, 10, ?DEVICE), echo(S);
        {2, <<131, _/binary>> = Data} ->
            T = binary_to_term(Data),
            canonical(Data, T),
            case T of wait -> pings(S, 2); _ -> ok end,
            send(S, 2, term_to_binary({echo, T})),
            case T of bye -> ok; _ -> echo(S) end;
        {2, Raw} -> send(S, 2, term_to_binary({raw, Raw})), echo(S)
    end.

pings(_, 0) -> ok;
pings(S, N) ->
    {9, ?DEVICE} = frame(S),
    send(S, 10, ?DEVICE),
    pings(S, N - 1).

%% The order of a map of more than 32 pairs is no one's to say.
canonical(_, M) when map_size(M) > 32 -> ok;
canonical(Data, T) -> Data = term_to_binary(T).

request(L) ->
    {ok, S} = gen_tcp:accept(L, ?WAIT),
    {ok, {http_request, 'GET', {abs_path, <<?PATH>>}, {1, 1}}} = gen_tcp:recv(S, 0, ?WAIT),
    #{<<"sec-websocket-key">> := Key, <<"sec-websocket-version">> := <<"13">>, <<"x-fedecks-auth">> := Auth} = headers(S),
    ok = inet:setopts(S, [{packet, raw}]),
    {S, Key, binary_to_term(base64:decode(Auth), [safe])}.

switching(Key) ->
    ["HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ", accept(Key), "\r\n\r\n"].

headers(S) ->
    case gen_tcp:recv(S, 0, ?WAIT) of
        {ok, {http_header, _, Name, _, Value}} -> (headers(S))#{string:lowercase(to_binary(Name)) => Value};
        {ok, http_eoh} -> #{}
    end.

to_binary(A) when is_atom(A) -> atom_to_binary(A);
to_binary(B) -> B.

accept(Key) -> base64:encode(crypto:hash(sha, <<Key/binary, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11">>)).

%% Frames. Who has masked is the device.
send(S, Op, Data) ->
    Mask = case get({masks, S}) of true -> crypto:strong_rand_bytes(4); undefined -> <<>> end,
    ok = gen_tcp:send(S, data(Op, Data, Mask)).

data(Op, Data, Mask) ->
    M = min(1, byte_size(Mask)),
    Length = case byte_size(Data) of
        N when N < 126 -> <<M:1, N:7>>;
        N when N < 65536 -> <<M:1, 126:7, N:16>>;
        N -> <<M:1, 127:7, N:64>>
    end,
    [<<1:1, 0:3, Op:4>>, Length, Mask, mask(Data, Mask)].

mask(Data, <<>>) -> Data;
mask(Data, Mask) -> crypto:exor(Data, binary:part(binary:copy(Mask, byte_size(Data) div 4 + 1), 0, byte_size(Data))).

binary(S) ->
    {2, Data} = frame(S),
    Data.

frame(S) ->
    {ok, <<1:1, 0:3, Op:4, M:1, Short:7>>} = gen_tcp:recv(S, 2, ?WAIT),
    true = (M =:= 0) =:= (get({masks, S}) =:= true), % devices mask, servers do not
    Length = case Short of
        126 -> {ok, <<N:16>>} = gen_tcp:recv(S, 2, ?WAIT), N;
        127 -> {ok, <<N:64>>} = gen_tcp:recv(S, 8, ?WAIT), N;
        N -> N
    end,
    Mask = octets(S, 4 * M),
    {Op, mask(octets(S, Length), Mask)}.

octets(_, 0) -> <<>>;
octets(S, N) -> {ok, B} = gen_tcp:recv(S, N, ?WAIT), B.

%% Tokens as plug_crypto 2 makes them: XChaCha20-Poly1305, whose subkey is the keystream of ChaCha20 less its first state.
key() -> crypto:pbkdf2_hmac(sha256, ?SECRET, ?SALT, 1000, 32).

subkey(<<Nonce:16/binary, Rest:8/binary>>) ->
    Stream = crypto:crypto_one_time(chacha20, key(), Nonce, <<0:512>>, true),
    <<A:16/binary, _:32/binary, B:16/binary>> = Stream,
    {<<(less(A, <<"expand 32-byte k">>))/binary, (less(B, Nonce))/binary>>, <<0:32, Rest/binary>>}.

less(A, B) ->
    Words = fun(X) -> [W || <<W:32/little>> <= X] end,
    << <<(X - Y):32/little>> || {X, Y} <- lists:zip(Words(A), Words(B)) >>.

seal(Payload) ->
    Nonce = crypto:strong_rand_bytes(24),
    {Key, IV} = subkey(Nonce),
    {Text, Tag} = crypto:crypto_one_time_aead(chacha20_poly1305, Key, IV, term_to_binary(Payload), ?AAD, true),
    <<"XCP.", (encode64(<<Nonce/binary, Tag/binary, Text/binary>>))/binary>>.

open(<<"XCP.", Body/binary>>) ->
    <<Nonce:24/binary, Tag:16/binary, Text/binary>> = decode64(Body),
    {Key, IV} = subkey(Nonce),
    binary_to_term(crypto:crypto_one_time_aead(chacha20_poly1305, Key, IV, Text, ?AAD, Tag, false)).

encode64(B) -> << <<(case C of $+ -> $-; $/ -> $_; _ -> C end)>> || <<C>> <= base64:encode(B), C =/= $= >>.

decode64(B) ->
    Std = << <<(case C of $- -> $+; $_ -> $/; _ -> C end)>> || <<C>> <= B >>,
    base64:decode(<<Std/binary, (binary:copy(<<"=">>, (4 - byte_size(B) rem 4) rem 4))/binary>>).
