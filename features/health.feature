Feature: Health
  Anybody can see whether Manuel is up, even while everything behind it is dark; and who looks closer is told which part
  is out, and nothing of how it is built inside.

  Scenario: Anybody is told that Manuel is up
    Given Bert has no account
    Then Manuel tells Bert at once that it is up

  Scenario: Who looks closer sees all the parts
    Given Bert has no account
    When Bert tries to "see how its parts are"
    Then Bert is let in
    And the answer to Bert names nothing of the inside

  @alone @outages
  Scenario: With everything behind it out, Manuel is still up
    Given Bert has no account
    And everything behind Manuel is out
    Then Manuel tells Bert at once that it is up

  @alone @outages @server
  Scenario: With everything behind it out, Manuel says so
    Given Bert has no account
    And everything behind Manuel is out
    Then Manuel tells Bert that every part is out
    And the answer to Bert names nothing of the inside
    When everything is there again
    Then Manuel tells Bert that all its parts are well
    And Manuel can tell tokens of Anna from others again

  @alone @outages
  Scenario Outline: Manuel says that <part> is out, and that it goes on
    Given Bert has no account
    And "<part>" is out
    Then Manuel tells Bert that it goes on without "<part>" alone
    And the answer to Bert names nothing of the inside

    Examples:
      | part              |
      | the files         |
      | the signing key   |
      | the transcription |
      | the queue         |
      | the alerts        |

  @alone @outages
  Scenario: Without its tables Manuel says that it serves nobody
    Given Bert has no account
    And "the tables" are out
    Then Manuel tells Bert that it cannot go on without "the tables"
    And the answer to Bert names nothing of the inside
    When everything is there again
    Then Manuel tells Bert that all its parts are well

  @alone @outages @server
  Scenario: Without the user pool those who are known are served
    Given Anna tries to "list the manuals"
    And "the user pool" is out
    Then Manuel tells Anna that it goes on without "the user pool" alone
    When Anna tries to "list the manuals"
    Then Anna is let in
    When everything is there again
    Then Manuel can tell tokens of Anna from others again

  @allowlist @addresses
  Scenario: Who comes from elsewhere sees that Manuel is up, and nothing of its parts
    Given Bert has no account
    And Bert is at a place that is not allowed
    Then Manuel tells Bert at once that it is up
    When Bert tries to "see how its parts are"
    Then Bert is refused because "the place is not allowed"

  @addresses
  Scenario: The parts can be looked at beyond every limit
    Given Anna calls as often as the rate limit allows
    When Anna tries to "see how its parts are"
    Then Anna is let in

  @local
  Scenario: A clock that a test may move is told
    Given Bert has no account
    Then Manuel tells Bert that its clock is a test's
