// Package hubapi is the HTTP interface of a simulated hub that runs as a server: what an operator
// sees and does, for people with curl and for tests in any language. [New] makes the http.Handler;
// openapi.json, which it serves too, describes every call.
//
//	hub=http://127.0.0.1:4002/v1
//	curl $hub/devices/ID                                     # also /messages, /updates, /reports
//	curl $hub/devices/ID/push -d '{"event":"reboot"}'        # any event on any topic
//	curl $hub/devices/ID/update -d '{"firmware":"UUID"}'
//	curl $hub/devices/ID/script -d '{"text":"uptime"}'       # answers when the device has
//	curl $hub/devices/ID/shells/console -d '{"keys":"ls\r"}' # then GET it, ?from=N&wait_ms=5000
//	curl $hub/devices/ID/extensions -d '{"ask":["health"]}'
//	curl $hub/devices/ID/crash -d '{"topic":"device"}'       # /close, /refuse-joins, /disconnect
//	curl -X PUT $hub/devices/ID/mode -d '{"mode":"device_managed","device_may_change":true}'
//	curl $hub/firmware/UUID/archive -d '{"description":"maps"}'  # also /deployment, /faults
//	curl $hub/refuse -d '{"status":401,"times":3}'           # curl -X DELETE takes it back
//	curl -X PATCH $hub/settings -d '{"handshakes_per_s":5}'  # openapi.json lists the others
//	curl $hub/drain -d '{"batch":100,"every_ms":1000}'
//
// What is wrong is answered with {"error":...}: 400 for a request that cannot be read or makes no
// sense, 404 for what is not there, 405, 409 for a device that has not joined, 413 for a body over
// 8 MiB, 504 for a device that does not answer.
//
// The handler owns the firmware that is given to it, in temporary files of the folder it was made
// with, and nothing of the hub. It asks for no credentials: listen on a loopback address.
package hubapi
