"""Which of Apprise's services a route may name, and in which of its modules each lives (docs/adr/0029).

Only those that speak HTTP through `requests`: what they may reach, follow, read and take is bounded in one place. A
test compares this list with the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class AppriseService(NamedTuple):
    """What a URL's scheme stands for. `over_tls`: the scheme that does the same by https, where this one does not."""

    module: str
    # The URL names a host of the operator's own.
    self_hosted: bool
    over_tls: str | None


def _read(table: str) -> Mapping[str, AppriseService]:
    """Read lines of a module and its schemes; `json=jsons` is one by http and its twin by https."""
    services = {}
    for line in table.split("\n"):
        module, *schemes = line.split()
        for scheme in schemes:
            plain, _, secure = scheme.partition("=")
            if secure:
                services[secure] = AppriseService(module, self_hosted=True, over_tls=None)
            services[plain] = AppriseService(module, self_hosted=bool(secure), over_tls=secure or None)
    return services


# By scheme, in lower case.
APPRISE_SERVICES: Final = _read("""\
africas_talking atalk
apprise_api apprise=apprises
bark bark=barks
betterstack betterstack
bluesky bsky bluesky
brevo brevo
bulksms bulksms
bulkvs bulkvs
burstsms burstsms kudosity
chanify chanify
clickatell clickatell
clicksend clicksend
cliq cliq zcliq zohocliq
cm cm
custom_form form=forms
custom_json json=jsons
custom_xml xml=xmls
d7networks d7sms
dingtalk dingtalk
discord discord
dot dot
eight00com eight00com
emby emby=embys
enigma2 enigma2=enigma2s
evolution evolution=evolutions
exotel exotel
feishu feishu
firehydrant firehydrant
flock flock
flowtriq flowtriq=flowtriqs
fluxer fluxer=fluxers
fortysixelks 46elks elks
freemobile freemobile
github github
goalert goalert=goalerts
google_chat gchat
gorush gorush=gorushs
gotify gotify=gotifys
groundmail groundmail
groupme groupme
gupshup gupshup
home_assistant hassio=hassios
httpsms httpsms
humhub humhub=humhubs
ifttt ifttt
ilert ilert
incidentio incidentio
infobip infobip
jira jira
join join
kakaotalk kakaotalk kakao
kaleyra kaleyra klr
kodi kodi=kodis xbmc=xbmcs
kook kook
kumulos kumulos
lametric lametric=lametrics
lark lark
lauther lauther
lfgalarm lfg
line line
mailersend mailersend
mailgun mailgun
mastodon mastodon=mastodons toot=toots
matrix matrix=matrixs
mattermost mmost=mmosts
messagebird msgbird
misskey misskey=misskeys
mobilemessage mobilemessage mobilemsg
msg91 msg91
nextcloud ncloud=nclouds
nextcloudtalk nctalk=nctalks
notica notica=noticas
notifiarr notifiarr
notifico notifico=notificos
notifyre notifyre
ntfy ntfy=ntfys
octopush octopush
office365 azure o365
one_signal onesignal
onebot onebot=onebots
opsgenie opsgenie
pagertree pagertree
parseplatform parsep=parseps
pinglet pinglet=pinglets
pingram pingram
plivo plivo
postmark postmark
prowl prowl
pushbullet pbul
pushdeer pushdeer=pushdeers
pushed pushed
pushjet pjet=pjets
pushme pushme
pushover pover
pushplus pushplus wecom
pushsafer psafer=psafers
pushward pushward
pushy pushy
qq qq
reddit reddit
resend resend
revolt revolt
ringcentral ringc
rocketchat rocket=rockets
ryver ryver
sendgrid sendgrid
sendpulse sendpulse
serverchan schan
serwersms serwersms
ses ses
seven seven
sfr sfr
signal_api signal=signals
signalgrid signalgrid
signl4 signl4
simplepush spush simplepush
sinch sinch
smsc smsc
smseagle smseagle=smseagles
smsmanager smsmgr smsmanager
smstunnel smstunnel
smtp2go smtp2go
sns sns
sparkpost sparkpost
spike spike
splunk splunk victorops
spugpush spugpush
squadcast squadcast
stackfield stackfield
streamlabs strmlabs
synology synology=synologys
techuluspush push
telegram tgram
telesign telesign
telnyx telnyx
threema threema
trigv trigv=trigvs
twilio twilio
twist twist
twitter x twitter tweet
viber viber
voipms voipms
vonage vonage nexmo
webexteams wxteams webex
wechat wechat
wecombot wecombot
whapi whapi
whatsapp whatsapp
workflows workflow workflows
wpush wpush
wxpusher wxpusher
xmatters xmatters
youlmk youlmk
zalo zalo
zoom zoom
zulip zulip""")

# Luota tells these itself, and better: with outcomes by the vendor's documents, and an incident's whole life.
OWN_KINDS: Final = {
    "mailto": "email",
    "mailtos": "email",
    "slack": "slack",
    "pagerduty": "pagerduty",
}

# Modules that are left out, and why. The test fails for a new one until somebody has judged it.
LEFT_OUT: Final = {
    "amqp": "no HTTP",
    "aprs": "no HTTP",
    "blink1": "a device on the machine that Luota runs on",
    "dapnet": "http without TLS, always",
    "dbus": "the desktop that Luota runs on",
    "deltachat": "no HTTP",
    "email": "Luota has its own",
    "fcm": "reads key files of the machine that Luota runs on",
    "glib": "the desktop that Luota runs on",
    "gnome": "the desktop that Luota runs on",
    "growl": "no HTTP",
    "guilded": "closed by its maker",
    "irc": "no HTTP",
    "jellyfin": "a screen that somebody happens to watch",
    "kavenegar": "http without TLS, always",
    "macosx": "the desktop that Luota runs on",
    "mqtt": "no HTTP",
    "nostr": "no HTTP",
    "pagerduty": "Luota has its own",
    "rsyslog": "no HTTP",
    "slack": "Luota has its own",
    "smpp": "no HTTP",
    "sogs": "keeps keys in files",
    "syslog": "the machine that Luota runs on",
    "vapid": "reads key files of the machine that Luota runs on",
    "windows": "the desktop that Luota runs on",
    "xmpp": "no HTTP",
}
