"""paho's client that takes messages without their MQTT 5 properties."""

from __future__ import annotations

from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode


class PlainClient(paho.Client):
    """Takes a message as topic, packet id and payload.

    Nothing here needs the properties, and paho ends the connection at some that a broker lets through (U+FEFF in one of a
    sender's own): the message would come again on the next connection, and so for ever, and nobody else's would arrive.
    """

    _in_packet: Any

    def _handle_publish(self) -> MQTTErrorCode:
        packet, qos = self._in_packet["packet"], self._in_packet["command"] >> 1 & 3
        end = 2 + int.from_bytes(packet[:2], "big")
        start = end + 2 if qos else end
        message = MQTTMessage(int.from_bytes(packet[end:start], "big"), bytes(packet[2:end]))
        message.qos, message.payload = qos, bytes(packet[_after_properties(packet, start) :])
        self._handle_on_message(message)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def _after_properties(packet: bytes, start: int) -> int:
    """Give where the payload begins: after a length of one to four bytes, seven bits each, and as many bytes as it says."""
    size = shift = 0
    while True:
        byte = packet[start]
        size |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return start + size
